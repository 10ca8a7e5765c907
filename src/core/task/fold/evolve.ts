import { type Cost, raisedCost, reportedCost } from '../../cost.ts';
import { nextDue } from './due.ts';
import type { Event, EventOf, EventType } from '../event.ts';
import { foldEdit } from './fold-edit.ts';
import { newTask } from './new-task.ts';
import { startsUsedUp } from '../retry.ts';
import { stopping, takesLog } from './stopping.ts';
import type { Attempt, AttemptOutcome, Completion, StatusPart, Task, TaskFacts, TaskIn } from '../task.ts';
import { isFinished, isUnstarted, nextAttempt } from '../task.ts';

/** The result of an event: the new task, undefined if the event removes it, or the reason for a refusal and the unchanged task. */
export interface Evolution {
  readonly task: Task | undefined;
  readonly refused?: string;
}

/**
 * Folds one event into a task. It is total and deterministic. An event that lost a race folds to "refused" and leaves
 * the task unchanged. It reads no clock: time is data in the event.
 */
export function evolve(task: Task | undefined, event: Event): Evolution {
  if (event.type === 'submitted') {
    return task ? { task, refused: 'it was submitted before' } : { task: newTask(event) };
  }
  if (event.type === 'carried') return task ? { task, refused: 'it is known' } : { task: event.task };
  if (event.type === 'pruned') {
    return task && !isFinished(task) ? { task, refused: `it is ${task.status}` } : { task: undefined };
  }
  if (!task) return { task: undefined, refused: 'no such task was submitted' };
  const fold = folds[event.type] as (task: Task, event: Event) => Task | string;
  const folded = fold(task, event);
  return typeof folded === 'string' ? { task, refused: folded } : { task: folded };
}

type Fold<T extends EventType> = (task: Task, event: EventOf<T>) => Task | string;

const folds: { readonly [T in Exclude<EventType, 'submitted' | 'carried' | 'pruned'>]: Fold<T> } = {
  'became-due': (task, event) =>
    task.status === 'scheduled' && task.due_at <= event.at
      ? become(task, event, { status: 'queued', ready_at: event.at })
      : `it is ${task.status}, and nothing is due`,

  expired(task, event) {
    if (task.status !== 'queued' || (nextDue(task) ?? Infinity) > event.at)
      return `it is ${task.status}, and its TTL has not passed`;
    const { at, recorded_at } = event;
    return become(task, event, {
      status: 'expired',
      expired_at: at,
      ...(recorded_at !== undefined && { recorded_at }),
    });
  },

  claimed(task, event) {
    if (task.status !== 'queued') return `it is ${task.status}`;
    if (event.attempt !== nextAttempt(task)) return `attempt ${event.attempt} was given out before`;
    const { attempt, worker, expires_at, lease_seconds, priority } = event;
    if (task.original && priority !== undefined && priority !== task.envelope.priority) return 'it was edited';
    const lease = { attempt, worker, expires_at, ...(lease_seconds !== undefined && { seconds: lease_seconds }) };
    return become(
      task,
      event,
      { status: 'working', lease },
      { attempts: [...task.attempts, { number: attempt, worker, started_at: event.at }] },
    );
  },

  renewed(task, event) {
    if (!holds(task, event)) return lostLease(task, event);
    const says = event.percent !== undefined || event.note !== undefined;
    const { percent = task.progress?.percent, note = task.progress?.note } = event;
    const progress = says ? { percent, note, at: event.at } : task.progress;
    return become(
      task,
      event,
      {
        status: 'working',
        // Two concurrent renewals do not know of each other. A renewal never shortens a lease.
        lease: { ...task.lease, expires_at: Math.max(task.lease.expires_at, event.expires_at) },
        ...(progress && { progress }),
      },
      { attempts: charged(task, event) },
    );
  },

  'lease-expired'(task, event) {
    if (!holds(task, event)) return lostLease(task, event);
    if (task.lease.expires_at > event.at) return 'its lease was renewed';
    const reason = `the lease of attempt ${event.attempt} ended without a sign from ${task.lease.worker}`;
    return become(
      task,
      event,
      event.final ? { status: 'failed', failed_at: event.at, reason } : { status: 'queued', ready_at: event.at },
      { attempts: close(task, event, 'lease-expired', { reason }) },
    );
  },

  released(task, event) {
    if (!holds(task, event)) return lostLease(task, event);
    const attempts = close(task, event, event.retry_at === undefined ? 'released' : 'deferred', {
      reason: event.reason,
      ...(event.artifacts?.length && { artifacts: event.artifacts }),
    });
    return become(task, event, waiting(event.at, event.retry_at), { attempts });
  },

  'attempt-failed'(task, event) {
    const held = take(task, event);
    if (!held) return lostLease(task, event);
    const { reason, artifacts } = event;
    return become(
      task,
      event,
      event.retry_at === null ? { status: 'failed', failed_at: event.at, reason } : waiting(event.at, event.retry_at),
      { attempts: close(held, event, 'failed', { reason, ...(artifacts.length > 0 && { artifacts }) }) },
    );
  },

  completed(task, event) {
    const held = take(task, event);
    if (!held) return lostLease(task, event);
    const { v: _v, type: _type, task_id: _id, cost: _cost, ...completion } = event;
    return become(
      task,
      event,
      { status: 'completed', completion: completion satisfies Completion },
      { attempts: close(held, event, 'completed') },
    );
  },

  cancelled(task, event) {
    if (task.status !== 'queued' && task.status !== 'scheduled' && task.status !== 'working')
      return `it is ${task.status}`;
    const attempts =
      task.status === 'working'
        ? close(task, { attempt: task.lease.attempt, at: event.at }, 'cancelled', {
            reason: `cancelled by ${event.by}`,
          })
        : task.attempts;
    const { by, reason } = event;
    return become(
      task,
      event,
      { status: 'cancelled', cancelled_at: event.at, by, ...(reason && { reason }) },
      { attempts },
    );
  },

  stopped(task, event) {
    const what = stopping(task, event);
    if (!what) return 'no cancelled attempt waits to be stopped';
    const { attempt, at, artifacts } = event;
    const attempts = charged(task, event).map((one) =>
      one.number === attempt && one.outcome !== undefined && artifacts && takesLog(task, one, event)
        ? { ...one, artifacts }
        : one,
    );
    const stopped = { ...task, attempts, updated_at: at };
    return stopped.status === 'cancelled' && what === 'cancel' ? { ...stopped, stopped_at: at } : stopped;
  },

  retried: (task, event) =>
    task.status === 'failed' || task.status === 'expired'
      ? become(task, event, { status: 'queued', ready_at: event.at }, { forgiven: task.attempts.length })
      : `it is ${task.status}`,

  edited: foldEdit,

  redone(task, event) {
    if (task.status !== 'completed') return `it is ${task.status}`;
    const { at, by, reason, attempts_above } = event;
    if (attempts_above !== undefined && attempts_above < nextAttempt(task) - 1)
      return `attempt ${attempts_above + 1} was given out before`;
    const redo = { at, by, reason, completion: task.completion };
    return become(
      task,
      event,
      { status: 'queued', ready_at: at },
      {
        forgiven: task.attempts.length,
        redone: [...(task.redone ?? []), redo],
        ...(attempts_above !== undefined && { attempts_above }),
      },
    );
  },

  dismissed: (task, event) =>
    (task.status === 'failed' || task.status === 'expired') && task.dismissed_at === undefined
      ? { ...task, dismissed_at: event.at, updated_at: event.at }
      : 'it is not among the dead letters',

  restored(task, event) {
    if (task.status === 'completed' || task.status === 'cancelled') return `it is ${task.status}`;
    const { at, attempts_above } = event;
    if (attempts_above < nextAttempt(task)) return `attempt ${attempts_above} was given out before`;
    if (task.status !== 'working') return { ...task, attempts_above, updated_at: at };
    const reason = 'its lease ended when the store was restored from a backup';
    const attempts = close(task, { attempt: task.lease.attempt, at }, 'released', { reason });
    const next: StatusPart = startsUsedUp(task)
      ? { status: 'failed', failed_at: at, reason: `${reason}; it was begun too often to be begun again` }
      : { status: 'queued', ready_at: at };
    return become(task, event, next, { attempts, attempts_above });
  },

  refused: (task) => ({ ...task, refused: task.refused + 1 }),
};

/** The task in its next status, without the fields of its previous status. */
function become(task: Task, event: { at: number }, next: StatusPart, facts: Partial<TaskFacts> = {}): Task {
  const {
    id,
    envelope,
    original,
    context,
    max_attempts,
    submitted_at,
    attempts,
    forgiven,
    redone,
    attempts_above,
    refused,
  } = task;
  const kept: TaskFacts = {
    id,
    envelope,
    ...(original && { original }),
    ...(context && { context }),
    ...(max_attempts !== undefined && { max_attempts }),
    submitted_at,
    updated_at: event.at,
    attempts,
    forgiven,
    ...(redone && { redone }),
    ...(attempts_above !== undefined && { attempts_above }),
    refused,
  };
  return { ...kept, ...facts, ...next };
}

function waiting(at: number, retryAt: number | undefined): StatusPart {
  return retryAt !== undefined && retryAt > at
    ? { status: 'scheduled', due_at: retryAt, why: 'backoff' }
    : { status: 'queued', ready_at: at };
}

function holds(task: Task, event: { attempt: number }): task is TaskIn<'working'> {
  return task.status === 'working' && task.lease.attempt === event.attempt;
}

/**
 * The task with an open attempt that the event may end. It is the attempt that holds the lease. Or, for work without a
 * claim, it is the first attempt of an unstarted task: the same event starts and ends it.
 */
function take(task: Task, event: { attempt: number; by: string; at: number }): Task | undefined {
  if (holds(task, event)) return task;
  const unclaimed = (task.status === 'queued' || task.status === 'scheduled') && isUnstarted(task);
  const number = nextAttempt(task);
  if (!unclaimed || event.attempt !== number) return undefined;
  return { ...task, attempts: [...task.attempts, { number, worker: event.by, started_at: event.at }] };
}

function close(
  task: Task,
  event: { attempt: number; at: number; cost?: Cost | undefined },
  outcome: AttemptOutcome,
  more: { reason?: string; artifacts?: EventOf<'attempt-failed'>['artifacts'] } = {},
): readonly Attempt[] {
  return charged(task, event).map((a) =>
    a.number === event.attempt && a.outcome === undefined ? { ...a, outcome, ended_at: event.at, ...more } : a,
  );
}

/** The attempts with the cost that the event reports. A late report does not lower it. */
function charged(
  task: Task,
  { attempt, cost: report }: { attempt: number; cost?: Cost | undefined },
): readonly Attempt[] {
  if (!report) return task.attempts;
  return task.attempts.map((a) => {
    if (a.number !== attempt) return a;
    const cost = a.outcome === undefined ? reportedCost(a.cost, report) : raisedCost(a.cost, report);
    return cost ? { ...a, cost } : a;
  });
}

function lostLease(task: Task, event: { attempt: number }): string {
  const held = task.status === 'working' ? `attempt ${task.lease.attempt} holds it` : `it is ${task.status}`;
  return `attempt ${event.attempt} does not hold it: ${held}`;
}
