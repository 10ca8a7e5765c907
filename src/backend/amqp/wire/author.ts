import { DELAY_LEVELS, type Names } from './names.ts';
import { eventKey, RESERVED, WORKER_KEY_WORDS } from './routing-key.ts';

/**
 * Who can have written a message of the log, by the permissions that `init --definitions` grants: `coordinator` for a
 * key that only coordinators may use, a role for a key that the workers of this role may use as well, `anyone` for a
 * key that every user may use.
 */
export type Author = 'coordinator' | 'anyone' | { readonly role: string };

/** The author of a message, by its routing key and the exchange that it came from: the broker checks both. */
export function authorOf(key: string, exchange: string, names: Names): Author {
  if (key.startsWith(eventKey(''))) return authorOfEvent(key.slice(eventKey('').length).split('.'));
  if (!key.startsWith(RESERVED)) return 'anyone';
  // Messages from the delay levels were published to them directly, or by the main exchange: workers may publish
  // directly.
  if (exchange === names.exchange) return 'coordinator';
  const role = roleOf(key);
  return role === undefined ? 'anyone' : { role };
}

function authorOfEvent([keyWord, role, ...more]: readonly string[]): Author {
  if (keyWord === undefined || !WORKER_KEY_WORDS.includes(keyWord) || more.length > 0) return 'coordinator';
  if (role !== undefined) return { role };
  return keyWord === 'note' ? 'anyone' : 'coordinator';
}

/** The role in a key of work or of a delay: `agentq.work.ROLE.PRIORITY`. */
export function roleOf(key: string): string | undefined {
  const words = key.split('.');
  return words[1] === 'work' ? words[2] : words[2 + DELAY_LEVELS];
}
