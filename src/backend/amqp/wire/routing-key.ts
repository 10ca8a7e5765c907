import type { Event } from '../../../core/task/event.ts';
import type { Priority } from '../../../core/envelope/priority.ts';
import { DELAY_LEVELS } from './names.ts';

/**
 * The words of routing keys. What the keys of results begin with is free, since they are the names of queues that
 * submitters choose.
 */
export const RESERVED = 'agentq.';
export const eventKey = (what: string): string => `${RESERVED}event.${what}`;
export const workKey = (role: string, priority: Priority): string => `${RESERVED}work.${role}.${priority}`;

/** The binary digits of the seconds, highest first, and then where the message goes when they are over. */
export function delayKey(seconds: number, role: string, priority: Priority): string {
  const digits = seconds.toString(2).padStart(DELAY_LEVELS, '0').split('').join('.');
  return `${RESERVED}delay.${digits}.${role}.${priority}`;
}

/**
 * What the routing key of an entry says of its events, so that the broker can hold people to what they may write: who
 * may submit, who may cancel, who may complete for which role.
 */
export function keyWordOf(events: readonly Event[]): string {
  const types = new Set(events.map(({ type }) => type));
  if (types.has('submitted')) return 'submitted';
  // What time brings about comes before what somebody says, and is everybody's to write down.
  const said = [...types].filter((type) => !elapsed.has(type));
  if (said.length > 1) return 'several';
  return said[0] ?? events.at(-1)?.type ?? NOTE;
}

const elapsed = new Set<string>(['became-due', 'expired', 'lease-expired']);

/** The key word of a task that a worker found in its queue, and the log did not know. */
export const FOUND = 'found';

/** The key word of a result message that was written past the log. */
export const FOREIGN_RESULT = 'foreign-result';

/** The key word of a note that names an entry which every reader passes over. Coordinators alone may write it. */
export const SKIP = 'skip';

/** The key word of a note without events: a marker, presence, an outage, an announcement. */
export const NOTE = 'note';

/** What a worker may write of its role's tasks: what it says, and what time has brought about. */
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
