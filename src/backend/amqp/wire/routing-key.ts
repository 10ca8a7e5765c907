import type { Event } from '../../../core/task/event.ts';
import type { Priority } from '../../../core/envelope/priority.ts';
import { DELAY_LEVELS } from './names.ts';

/**
 * The words of routing keys. The keys of results may begin with anything else, since they are the names of queues that
 * submitters choose.
 */
export const RESERVED = 'agentq.';
export const eventKey = (what: string): string => `${RESERVED}event.${what}`;
export const workKey = (role: string, priority: Priority): string => `${RESERVED}work.${role}.${priority}`;

/** The binary digits of the seconds, highest first, followed by the destination after the delay. */
export function delayKey(seconds: number, role: string, priority: Priority): string {
  const digits = seconds.toString(2).padStart(DELAY_LEVELS, '0').split('').join('.');
  return `${RESERVED}delay.${digits}.${role}.${priority}`;
}

/**
 * What the routing key of an entry states about its events, so that the broker can enforce the users' permissions: to
 * submit, to cancel, to complete for a role.
 */
export function keyWordOf(events: readonly Event[]): string {
  const types = new Set(events.map(({ type }) => type));
  if (types.has('submitted')) return 'submitted';
  // Events that result from time alone precede those of a command, and every user may write them.
  const said = [...types].filter((type) => !elapsed.has(type));
  if (said.length > 1) return 'several';
  return said[0] ?? events.at(-1)?.type ?? NOTE;
}

const elapsed = new Set<string>(['became-due', 'expired', 'lease-expired']);

/** The key word of a task that a worker found in its queue, and that the log did not contain. */
export const FOUND = 'found';

/** The key word of a result message that was not published to the log. */
export const FOREIGN_RESULT = 'foreign-result';

/** The key word of a note that names an entry which every reader passes over. Only coordinators may write it. */
export const SKIP = 'skip';

/** The key word of a note without events: a marker, presence, an outage, an announcement. */
export const NOTE = 'note';

/** What a worker may write about its role's tasks: its own events, and those that result from time. */
export const WORKER_KEY_WORDS: readonly string[] = [
  'claimed',
  'renewed',
  'completed',
  'attempt-failed',
  'released',
  'stopped',
  'refused',
  'expired',
  'became-due',
  'lease-expired',
  NOTE,
  'carried',
  FOUND,
];
