import { isDeepStrictEqual } from 'node:util';
import type { Event, EventType } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/evolve.ts';
import type { Task } from '../../src/core/task/task.ts';
import { untouched } from './tasks.ts';
import type { Turn } from './world.ts';

// The invariants read the log and the bare fields of a task: were they to ask the functions that decide, they would find
// them right. The numbers are those of the documentation.
const DEFAULT_ATTEMPTS = 3;
const MOST_STARTS = 100;

/** What is true of every task that any events fold to, in whatever order they come. */
const ofTasks: Record<string, (task: Task) => boolean> = {
  'attempts are numbered from 1 on, without a gap unless the store was restored': ({ attempts, attempts_above = 0 }) =>
    attempts.every(({ number }, index) => {
      const last = attempts[index - 1]?.number ?? 0;
      return attempts_above === 0 ? number === last + 1 : number > last;
    }),
  'while a task is worked on its last attempt is open and holds the lease': (task) =>
    task.status !== 'working' ||
    (task.attempts.at(-1)?.outcome === undefined && task.attempts.at(-1)?.number === task.lease.attempt),
  'no other attempt is open': (task) =>
    task.attempts.slice(0, task.status === 'working' ? -1 : undefined).every(({ outcome }) => outcome !== undefined),
  'one attempt has completed where the task is completed, and else none': ({ attempts, status }) =>
    attempts.filter(({ outcome }) => outcome === 'completed').length === (status === 'completed' ? 1 : 0),
  'no more attempts are spent than may be': ({ attempts, forgiven, envelope, max_attempts }) =>
    attempts.filter(({ outcome }, index) => index >= forgiven && (outcome === 'failed' || outcome === 'lease-expired'))
      .length <= (envelope.max_attempts ?? max_attempts ?? DEFAULT_ATTEMPTS),
  'it is not begun too often without a person': ({ attempts, forgiven }) => attempts.length - forgiven <= MOST_STARTS,
};

/** What is true of every command that is given to any task. */
const ofTurns: Record<string, (turn: Turn) => boolean> = {
  'every event is one that evolve accepts': ({ before, decision: { events } }) => {
    let task: Task | undefined = before;
    return events.every((event) => {
      const { refused, task: next } = evolve(task, event);
      task = next;
      return refused === undefined;
    });
  },
  'what time did comes first': ({ decision: { events } }) => {
    const first = events.findIndex(({ type }) => !byTime.has(type));
    return first < 0 || events.slice(first).every(({ type }) => !byTime.has(type));
  },
  'no delay, no lease and no TTL is over that is still running': ({ decision: { task }, now, log }) => {
    switch (task?.status) {
      case 'scheduled':
        return task.due_at > now;
      case 'working':
        return task.lease.expires_at > now;
      case 'queued': {
        const { ttl_seconds = Infinity } = task.envelope;
        return wasBegun(log) || task.ready_at + ttl_seconds * 1_000 > now;
      }
      default:
        return true;
    }
  },
  'no event is dated before the one before it': ({ log }) =>
    log.every(({ at }, index) => at >= (log[index - 1]?.at ?? 0)),
  'at most one task of the log is completed': ({ log }) => log.filter(({ type }) => type === 'completed').length <= 1,
  'a completed task stays what it is': ({ before, decision: { task } }) =>
    before.status !== 'completed' || isDeepStrictEqual(untouched(task), untouched(before)),
  'a cancelled task stays cancelled': ({ before, decision: { task } }) =>
    before.status !== 'cancelled' || task?.status === 'cancelled',
  'a refusal changes nothing but the count of refusals': ({ elapsed, decision: { refusal, events, task } }) =>
    refusal === undefined ||
    (isDeepStrictEqual(untouched(task), untouched(elapsed.task)) &&
      events.slice(elapsed.events.length).every(({ type }) => type === 'refused')),
  'a command that says that it changed nothing leaves the task as time alone would': ({
    elapsed,
    decision: { changed, task },
  }) => changed || isDeepStrictEqual(untouched(task), untouched(elapsed.task)),
  'no command is refused and changed something': ({ decision: { changed, refusal } }) => !changed || !refusal,
  'a stale attempt never changes the status': ({ command, elapsed, log, decision: { events, task } }) => {
    if (!('attempt' in command) || command.type === 'acknowledge-cancel') return true;
    const before = [...log.slice(0, log.length - events.length), ...events.filter(({ type }) => byTime.has(type))];
    return maySpeak(before, command.attempt) || task?.status === elapsed.task.status;
  },
  'an attempt that has ended stays what it was': ({ before, decision: { task } }) =>
    before.attempts.every(
      (attempt, index) => attempt.outcome === undefined || isDeepStrictEqual(task?.attempts[index], attempt),
    ),
};

/** What no command makes, but the clock. */
const byTime: ReadonlySet<EventType> = new Set(['became-due', 'expired', 'lease-expired']);

/** Whether a worker has begun the task since it was submitted, or a person last took it back. */
const wasBegun = (log: readonly Event[]) =>
  log.slice(log.findLastIndex(({ type }) => type === 'retried') + 1).some((event) => attemptOf(event) !== undefined);

/** What ends the lease of an attempt. */
const endings: ReadonlySet<EventType> = new Set([
  'lease-expired',
  'released',
  'attempt-failed',
  'completed',
  'cancelled',
  'restored',
]);

/** The attempt that an event begins or ends; undefined for one that does neither. */
function attemptOf(event: Event): number | undefined {
  const { type } = event;
  return type === 'claimed' || type === 'completed' || type === 'attempt-failed' ? event.attempt : undefined;
}

/** Whether the log gives the task to that attempt; to one without a number, where there can have been no other. */
function maySpeak(log: readonly Event[], attempt: number | undefined): boolean {
  let holder: number | undefined;
  for (const event of log) {
    if (event.type === 'claimed') holder = event.attempt;
    else if (endings.has(event.type)) holder = undefined;
  }
  if (attempt !== undefined) return attempt === holder;
  if (log.some(({ type }) => type === 'restored')) return false;
  const others = new Set(log.map(attemptOf).filter((number) => number !== undefined && number !== holder));
  return others.size === 0;
}

const violated = <T>(invariants: Record<string, (value: T) => boolean>, value: T): string[] =>
  Object.entries(invariants)
    .filter(([, isKept]) => !isKept(value))
    .map(([sentence]) => sentence);

/** The invariants that the task breaks. */
export const brokenBy = (task: Task | undefined): string[] => (task ? violated(ofTasks, task) : []);

/** The invariants that the turn breaks, and the task after it. */
export const brokenIn = (turn: Turn): string[] => [...brokenBy(turn.decision.task), ...violated(ofTurns, turn)];
