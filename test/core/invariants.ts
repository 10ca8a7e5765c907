import { isDeepStrictEqual } from 'node:util';
import { nextDue } from '../../src/core/due.ts';
import { evolve } from '../../src/core/evolve.ts';
import { MAX_STARTS, maxAttempts } from '../../src/core/retry.ts';
import { spentAttempts, type Task } from '../../src/core/task.ts';
import { untouched } from './tasks.ts';
import type { Turn } from './world.ts';

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
  'no more attempts are spent than may be': (task) => spentAttempts(task) <= maxAttempts(task),
  'it is not begun too often without a person': (task) => task.attempts.length - task.forgiven <= MAX_STARTS,
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
  'the events fold to the task': ({ before, decision: { events, task } }) =>
    isDeepStrictEqual(
      events.reduce<Task | undefined>((folded, event) => evolve(folded, event).task, before),
      task,
    ),
  'what time did comes first': ({ elapsed, decision: { events } }) =>
    isDeepStrictEqual(events.slice(0, elapsed.events.length), elapsed.events),
  'nothing is due any more': ({ decision: { task }, now }) => (nextDue(task!) ?? Infinity) > now,
  'no event is dated before the one before it': ({ log }) => (log.at(-2)?.at ?? 0) <= log.at(-1)!.at,
  'at most one task of the log is completed': ({ log }) => log.filter(({ type }) => type === 'completed').length <= 1,
  'a completed task stays what it is': ({ before, decision: { task } }) =>
    before.status !== 'completed' || isDeepStrictEqual(untouched(task), untouched(before)),
  'a cancelled task stays cancelled': ({ before, decision: { task } }) =>
    before.status !== 'cancelled' || task?.status === 'cancelled',
  'a refusal changes nothing but the count of refusals': ({ elapsed, decision: { refusal, events, task } }) =>
    refusal === undefined ||
    (isDeepStrictEqual(untouched(task), untouched(elapsed.task)) &&
      events.slice(elapsed.events.length).every(({ type }) => type === 'refused')),
  'a command that makes no event changes nothing': ({ elapsed, decision: { events, task } }) =>
    events.length > elapsed.events.length || isDeepStrictEqual(task, elapsed.task),
  'a command that says that it changed something made an event, and none that was refused says so': ({
    elapsed,
    decision: { changed, refusal, events },
  }) => changed === (events.length > elapsed.events.length && refusal === undefined),
  'a stale attempt never changes the status': ({ command, elapsed, decision: { task } }) =>
    !('attempt' in command) ||
    command.type === 'acknowledge-cancel' ||
    holds(elapsed.task, command.attempt) ||
    task?.status === elapsed.task.status,
  'an attempt that has ended stays what it was': ({ before, decision: { task } }) =>
    before.attempts.every(
      (attempt, index) => attempt.outcome === undefined || isDeepStrictEqual(task?.attempts[index], attempt),
    ),
};

/** Whether the speaker may speak: its attempt holds the lease, or it names none and there is only one to speak of. */
function holds(task: Task, attempt: number | undefined): boolean {
  if (attempt === undefined && task.attempts_above !== undefined) return false;
  if (attempt === undefined) return task.attempts.length === (task.status === 'working' ? 1 : 0);
  return task.status === 'working' && task.lease.attempt === attempt;
}

const violated = <T>(invariants: Record<string, (value: T) => boolean>, value: T): string[] =>
  Object.entries(invariants)
    .filter(([, isKept]) => !isKept(value))
    .map(([sentence]) => sentence);

/** The invariants that the task breaks. */
export const brokenBy = (task: Task | undefined): string[] => (task ? violated(ofTasks, task) : []);

/** The invariants that the turn breaks, and the task after it. */
export const brokenIn = (turn: Turn): string[] => [...brokenBy(turn.decision.task), ...violated(ofTurns, turn)];
