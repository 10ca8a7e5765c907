import { isDeepStrictEqual } from 'node:util';
import type { Event, EventType } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import type { Task } from '../../src/core/task/task.ts';
import { untouched } from './tasks.ts';
import type { Turn } from './world.ts';

// The invariants read only the log and the fields of a task, and do not call the code under test. The numbers are from
// the documentation.
const DEFAULT_ATTEMPTS = 3;
const MOST_STARTS = 100;

/** True for every task that any events fold to, in any order. */
const ofTasks: Record<string, (task: Task) => boolean> = {
  'attempts are numbered from 1, without a gap unless the store was restored': ({ attempts, attempts_above = 0 }) =>
    attempts.every(({ number }, index) => {
      const last = attempts[index - 1]?.number ?? 0;
      return attempts_above === 0 ? number === last + 1 : number > last;
    }),
  'the last attempt of a task in `working` is open and holds the lease': (task) =>
    task.status !== 'working' ||
    (task.attempts.at(-1)?.outcome === undefined && task.attempts.at(-1)?.number === task.lease.attempt),
  'no other attempt is open': (task) =>
    task.attempts.slice(0, task.status === 'working' ? -1 : undefined).every(({ outcome }) => outcome !== undefined),
  'one attempt of a completed task has completed, none of another task, and one for each redo': (task) =>
    task.attempts.filter(({ outcome }) => outcome === 'completed').length ===
    (task.status === 'completed' ? 1 : 0) + (task.redone?.length ?? 0),
  'the counted attempts do not exceed the maximum': ({ attempts, forgiven, envelope, max_attempts }) =>
    attempts.filter(({ outcome }, index) => index >= forgiven && (outcome === 'failed' || outcome === 'lease-expired'))
      .length <= (envelope.max_attempts ?? max_attempts ?? DEFAULT_ATTEMPTS),
  'the starts without a retry do not exceed the maximum': ({ attempts, forgiven }) =>
    attempts.length - forgiven <= MOST_STARTS,
};

/** True for every command on any task. */
const ofTurns: Record<string, (turn: Turn) => boolean> = {
  '`evolve` accepts every event': ({ before, decision: { events } }) => {
    let task: Task | undefined = before;
    return events.every((event) => {
      const { refused, task: next } = evolve(task, event);
      task = next;
      return refused === undefined;
    });
  },
  'events of time come first': ({ decision: { events } }) => {
    const first = events.findIndex(({ type }) => !byTime.has(type));
    return first < 0 || events.slice(first).every(({ type }) => !byTime.has(type));
  },
  'every delay, lease and TTL that has passed is recorded': ({ decision: { task }, now, log }) => {
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
  'no event has an earlier time than the event before it': ({ log }) =>
    log.every(({ at }, index) => at >= (log[index - 1]?.at ?? 0)),
  'the log completes a task at most once, and once more for each redo': ({ log }) =>
    log.filter(({ type }) => type === 'completed').length <= 1 + log.filter(({ type }) => type === 'redone').length,
  'a completed task changes only by a redo': ({ before, command, decision: { task } }) =>
    before.status !== 'completed' || command.type === 'redo' || isDeepStrictEqual(untouched(task), untouched(before)),
  'a cancelled task stays cancelled': ({ before, decision: { task } }) =>
    before.status !== 'cancelled' || task?.status === 'cancelled',
  'a refusal changes only the count of refusals': ({ elapsed, decision: { refusal, events, task } }) =>
    refusal === undefined ||
    (isDeepStrictEqual(untouched(task), untouched(elapsed.task)) &&
      events.slice(elapsed.events.length).every(({ type }) => type === 'refused')),
  'a command that reports no change leaves the task in the state after the events of time': ({
    elapsed,
    decision: { changed, task },
  }) => changed || isDeepStrictEqual(untouched(task), untouched(elapsed.task)),
  'a refused command reports no change': ({ decision: { changed, refusal } }) => !changed || !refusal,
  'a stale attempt never changes the status': ({ command, elapsed, log, decision: { events, task } }) => {
    if (!('attempt' in command) || command.type === 'acknowledge-cancel') return true;
    const before = [...log.slice(0, log.length - events.length), ...events.filter(({ type }) => byTime.has(type))];
    return holdsTask(before, command) || task?.status === elapsed.task.status;
  },
  'an ended attempt does not change': ({ before, decision: { task } }) =>
    before.attempts.every(
      (attempt, index) => attempt.outcome === undefined || isDeepStrictEqual(task?.attempts[index], attempt),
    ),
};

/** The events that only time causes. */
const byTime: ReadonlySet<EventType> = new Set(['became-due', 'expired', 'lease-expired']);

/** Whether the task was claimed since its submit, its last retry or its last redo. */
const wasBegun = (log: readonly Event[]) =>
  log
    .slice(log.findLastIndex(({ type }) => type === 'retried' || type === 'redone') + 1)
    .some((event) => attemptOf(event) !== undefined);

/** The events that end a lease. */
const endings: ReadonlySet<EventType> = new Set([
  'lease-expired',
  'released',
  'attempt-failed',
  'completed',
  'cancelled',
  'restored',
]);

/** The attempt that an event begins or ends; undefined for other events. */
function attemptOf(event: Event): number | undefined {
  const { type } = event;
  return type === 'claimed' || type === 'completed' || type === 'attempt-failed' ? event.attempt : undefined;
}

/** Whether this attempt holds the task. Without a number: whether no other attempt of the caller is possible. */
function holdsTask(log: readonly Event[], { attempt, by }: { attempt?: number | undefined; by: string }): boolean {
  let holder: number | undefined;
  for (const event of log) {
    if (event.type === 'claimed') holder = event.attempt;
    else if (endings.has(event.type)) holder = undefined;
  }
  if (attempt !== undefined) return attempt === holder;
  if (log.some(({ type }) => type === 'restored')) return false;
  const claims = log.filter((event) => event.type === 'claimed').filter(({ worker }) => worker === by);
  if (claims.length === 1 && claims[0]!.attempt === holder) return true;
  const others = new Set(log.map(attemptOf).filter((number) => number !== undefined && number !== holder));
  return others.size === 0;
}

const violated = <T>(invariants: Record<string, (value: T) => boolean>, value: T): string[] =>
  Object.entries(invariants)
    .filter(([, isKept]) => !isKept(value))
    .map(([description]) => description);

/** The invariants that the task violates. */
export const brokenBy = (task: Task | undefined): string[] => (task ? violated(ofTasks, task) : []);

/** The invariants that the turn, or the task after it, violates. */
export const brokenIn = (turn: Turn): string[] => [...brokenBy(turn.decision.task), ...violated(ofTurns, turn)];
