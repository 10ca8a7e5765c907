import type { LogEvent } from '../../../core/log/rules.ts';
import { isTaskEvent } from '../../../core/log/subject.ts';
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

/**
 * Whether the author of an entry may write its events: of tasks of one role if the key names one, and of things of other
 * kinds as a coordinator.
 * @param role the role of the key; undefined for all tasks
 * @param roleOf returns the role of a task; undefined for an unknown task
 */
export function mayWrite(
  author: Author,
  events: readonly LogEvent[],
  role: string | undefined,
  roleOf: (task: string) => string | undefined,
): boolean {
  const ofTasks = events.filter(isTaskEvent);
  if (ofTasks.length < events.length && author !== 'coordinator') return false;
  if (role === undefined) return true;
  const fresh = new Map(
    ofTasks.flatMap((event) => (event.type === 'submitted' ? [[event.task_id, event.envelope.to]] : [])),
  );
  return ofTasks.every(({ task_id }) => (fresh.get(task_id) ?? roleOf(task_id)) === role);
}

function authorOfEvent({ keyWord, role, extra }: RoutingKey & { readonly kind: 'event' }): Author {
  if (!WORKER_KEY_WORDS.includes(keyWord) || extra) return 'coordinator';
  if (role !== undefined) return { role };
  return keyWord === NOTE ? 'anyone' : 'coordinator';
}
