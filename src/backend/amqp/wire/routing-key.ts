import type { LogEvent } from '../../../core/log/rules.ts';
import { isTask, subjectOf } from '../../../core/log/subject.ts';
import type { Priority } from '../../../core/envelope/priority.ts';
import { DELAY_LEVELS } from './names.ts';

/*
 * The routing keys:
 *
 *   agentq.event.KEY_WORD[.ROLE]           an entry of the log
 *   agentq.work.ROLE.PRIORITY              a task for the work queue of its role
 *   agentq.delay.B.B.….B.ROLE.PRIORITY     the same after a delay: its seconds in binary, highest digit first
 *   agentq.dead.ROLE                       a dead letter
 *   any other                              a result message: the name of its queue, which submitters choose
 *
 * A role contains no `.`.
 */

/** The beginning of all keys but those of result messages. */
export const RESERVED = 'agentq.';

/** A binding may name a place of a key by `*`, for any word. */
export type PriorityPattern = Priority | '*';

export const eventKey = (keyWord: string, role?: string): string =>
  `${RESERVED}event.${keyWord}${role === undefined ? '' : `.${role}`}`;

export const workKey = (role: string, priority: PriorityPattern): string => `${RESERVED}work.${role}.${priority}`;

/** @param seconds a whole number below 2^{@link DELAY_LEVELS} */
export function delayKey(seconds: number, role: string, priority: Priority): string {
  return keyAfterDelay(seconds.toString(2).padStart(DELAY_LEVELS, '0').split(''), role, priority);
}

export const deadKey = (role: string): string => `${RESERVED}dead.${role}`;

/** The keys of all entries of the log, for a binding. */
export const EVERY_EVENT = eventKey('#');

/** The keys of a role behind any delay, for a binding. */
export const anyDelayKey = (role: string, priority: PriorityPattern): string =>
  keyAfterDelay(Array<string>(DELAY_LEVELS).fill('*'), role, priority);

/** The keys whose digit for a level of the delay is this one, for a binding. */
export const delayDigitKey = (level: number, digit: '0' | '1'): string =>
  `${RESERVED}delay.${'*.'.repeat(DELAY_LEVELS - 1 - level)}${digit}.#`;

const keyAfterDelay = (digits: readonly string[], role: string, priority: PriorityPattern): string =>
  `${RESERVED}delay.${digits.join('.')}.${role}.${priority}`;

/** Whether a key, or the name of a result queue, is one of agentq's own. */
export const isReserved = (key: string): boolean => key.startsWith(RESERVED);

/** A routing key, taken apart. Any user may have published with any key. */
export type RoutingKey =
  /** @param extra whether words follow the role */
  | { readonly kind: 'event'; readonly keyWord: string; readonly role: string | undefined; readonly extra: boolean }
  | { readonly kind: 'work' | 'delay'; readonly role: string | undefined }
  | { readonly kind: 'reserved' }
  | { readonly kind: 'result' };

export function parseKey(key: string): RoutingKey {
  if (!isReserved(key)) return { kind: 'result' };
  const [, kind, ...words] = key.split('.');
  switch (kind) {
    case 'event': {
      const [keyWord, role, ...more] = words;
      if (keyWord === undefined) return { kind: 'reserved' };
      return { kind, keyWord, role, extra: more.length > 0 };
    }
    case 'work':
      return { kind, role: words[0] };
    case 'delay':
      return { kind, role: words[DELAY_LEVELS] };
    default:
      return { kind: 'reserved' };
  }
}

/**
 * What the routing key of an entry states about its events, so that the broker can enforce the users' permissions: to
 * submit, to cancel, to complete for a role.
 */
export function keyWordOf(events: readonly LogEvent[]): string {
  const types = new Set(events.map(wordOf));
  if (types.has('submitted')) return 'submitted';
  // Events that result from time alone precede those of a command, and every user may write them.
  const stated = [...types].filter((type) => !elapsed.has(type));
  if (stated.length > 1) return 'several';
  const last = events.at(-1);
  return stated[0] ?? (last ? wordOf(last) : NOTE);
}

/** The type of an event of a task; for other kinds the kind as well, so that no permission covers two kinds. */
function wordOf(event: LogEvent): string {
  const subject = subjectOf(event);
  return isTask(subject) ? event.type : `${subject.kind}_${event.type}`;
}

const elapsed = new Set<string>(['became-due', 'expired', 'lease-expired']);

/** The key word of a task that a worker found in its queue, and that the log did not contain. */
export const FOUND = 'found';

/** The key word of a result message that was not published to the log. */
export const FOREIGN_RESULT = 'foreign-result';

/** The key word of a note that names an entry which every reader passes over. Only coordinators may write it. */
export const SKIP = 'skip';

/** The key word of a note about a snapshot. Only coordinators may write it. */
export const SNAPSHOT = 'snapshot';

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
