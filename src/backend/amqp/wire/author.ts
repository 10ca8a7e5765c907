import type { Names } from './names.ts';
import { NOTE, parseKey, type RoutingKey, WORKER_KEY_WORDS } from './routing-key.ts';

/**
 * Who can have written a message of the log, by the permissions that `init --definitions` grants: `coordinator` for a
 * key that only coordinators may use, a role for a key that the workers of this role may use as well, `anyone` for a
 * key that every user may use.
 */
export type Author = 'coordinator' | 'anyone' | { readonly role: string };

/** The author of a message, by its routing key and the exchange that it came from: the broker checks both. */
export function authorOf(routingKey: string, exchange: string, names: Names): Author {
  const key = parseKey(routingKey);
  if (key.kind === 'event') return authorOfEvent(key);
  if (key.kind === 'result') return 'anyone';
  // Messages from the delay levels were published to them directly, or by the main exchange: workers may publish
  // directly.
  if (exchange === names.exchange) return 'coordinator';
  if (key.kind === 'reserved' || key.role === undefined) return 'anyone';
  return { role: key.role };
}

function authorOfEvent({ keyWord, role, extra }: RoutingKey & { readonly kind: 'event' }): Author {
  if (!WORKER_KEY_WORDS.includes(keyWord) || extra) return 'coordinator';
  if (role !== undefined) return { role };
  return keyWord === NOTE ? 'anyone' : 'coordinator';
}
