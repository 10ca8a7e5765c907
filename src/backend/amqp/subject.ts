import type { Event } from '../../core/event.ts';

/**
 * What the routing key of an entry says of its events, so that the broker can hold people to what they may write: who
 * may submit, who may cancel, who may complete for which role.
 */
export function subjectOf(events: readonly Event[]): string {
  if (events.some(({ type }) => type === 'submitted')) return 'submitted';
  return events.at(-1)?.type ?? 'note';
}

/** The subject of a task that a worker found in its queue, and the log did not know. */
export const FOUND = 'found';

/** The subject of a result message that was written past the log. */
export const FOREIGN_RESULT = 'foreign-result';
