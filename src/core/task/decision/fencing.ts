import { counted } from '../../counted.ts';
import type { Caller } from './command.ts';
import type { Refusal } from '../../errors.ts';
import type { Task, TaskIn } from '../task.ts';
import { isFinished, nextAttempt } from '../task.ts';

/**
 * The attempt that the caller may act for, or the reason for a refusal. A command without an attempt number is accepted
 * only if the task has had at most one attempt, or if the worker that holds the lease names itself and has had no other
 * attempt: otherwise the holder and a stale worker look the same. After a restore it is always refused, because the
 * store may have lost attempts.
 */
export function holder(task: Task, { by, attempt }: Caller): number | Refusal {
  if (task.status === 'cancelled') {
    return refuse(
      'cancelled',
      `${task.id} was cancelled by ${task.by}${task.reason ? `: ${task.reason}` : ''}`,
      'stop working on it',
    );
  }
  if (isFinished(task)) return refuse('conflict', `${task.id} is already ${task.status}`, `agentq show ${task.id}`);
  if (task.status === 'working') return leaseHolder(task, by, attempt);
  if (!mayKnow(task, by)) return wrongCaller(task, by);
  if (attempt === undefined && task.attempts.length === 0 && task.attempts_above === undefined) return 1;
  const lost =
    attempt === undefined
      ? pastOf(task)
      : attempt < nextAttempt(task)
        ? `attempt ${attempt} no longer holds it`
        : `there is no attempt ${attempt}`;
  return refuse(
    'conflict',
    `${task.id} is ${task.status}: ${lost}`,
    `claim it${task.attempts.length > 0 ? ' again' : ''}: agentq claim --as ${task.envelope.to}`,
  );
}

/** The same for a completion: before the end of the task's delay, only its submitter may complete it. */
export function completer(task: Task, caller: Caller): number | Refusal {
  if (task.status !== 'scheduled' || task.why !== 'delay') return holder(task, caller);
  const { id, due_at, envelope } = task;
  if (caller.by === envelope.from) return holder(task, { ...caller, by: envelope.to });
  if (!mayKnow(task, caller.by)) return wrongCaller(task, caller.by);
  return refuse(
    'conflict',
    `${id} is not due until ${new Date(due_at).toISOString()}`,
    `only its submitter may complete it before: --from ${envelope.from}`,
  );
}

/** Why a task that waits has no holder. */
function pastOf({ attempts }: Task): string {
  switch (attempts.at(-1)?.outcome) {
    case undefined:
      return 'no worker has claimed it since the store was restored';
    case 'completed':
      return 'its outcome no longer counts, and it is to be done again';
    case 'failed':
      return 'its last attempt has failed';
    case 'released':
    case 'deferred':
      return 'its last attempt was given back';
    default:
      return 'its last lease has ended';
  }
}

function leaseHolder(task: TaskIn<'working'>, by: string, attempt: number | undefined): number | Refusal {
  const { lease } = task;
  if (!mayKnow(task, by)) return attempt === lease.attempt ? otherName(task, by) : wrongCaller(task, by);
  const several = task.attempts.length > 1 || task.attempts_above !== undefined;
  if (attempt === undefined && several && !isSoleHolder(task, by)) {
    const past =
      task.attempts_above === undefined
        ? `has had ${counted(task.attempts.length, 'attempt')}`
        : 'may have had other attempts before the restore';
    return refuse(
      'conflict',
      `${task.id} ${past}, and none of them is named`,
      `name the attempt of your claim: --attempt N`,
    );
  }
  if (attempt !== undefined && attempt !== lease.attempt) {
    const lost =
      attempt < nextAttempt(task)
        ? `attempt ${attempt} of ${task.id} lost its lease`
        : `there is no attempt ${attempt} of ${task.id}`;
    return refuse('conflict', `${lost}; attempt ${lease.attempt} holds it now`);
  }
  return lease.attempt;
}

/**
 * Whether only the lease can be meant: the caller is the worker that holds it, and has had no other attempt. A role and
 * a store that was restored may have had attempts that are not known by this name.
 */
function isSoleHolder({ attempts, attempts_above, envelope, lease }: TaskIn<'working'>, by: string): boolean {
  const own = attempts.filter(({ worker }) => worker === by);
  return by === lease.worker && by !== envelope.to && own.length === 1 && attempts_above === undefined;
}

/** Whether this is the role, or a worker that has had the task before. Such a worker lacks only the lease. */
export function mayKnow(task: Task, by: string): boolean {
  return by === task.envelope.to || task.attempts.some(({ worker }) => worker === by);
}

export function wrongCaller(task: Task, by: string): Refusal {
  return refuse('conflict', `${task.id} was sent to ${task.envelope.to}, not to ${by}`, `--from ${task.envelope.to}`);
}

/**
 * For a caller that knows the attempt which holds the lease: its agent name is wrong, such as an inherited AGENTQ_AGENT.
 * This is no conflict, because a worker takes a conflict for the loss of its lease.
 */
function otherName({ id, lease }: TaskIn<'working'>, by: string): Refusal {
  return refuse(
    'usage',
    `${id} is held by ${lease.worker}, not by ${by}`,
    `if you are ${lease.worker}: --from ${lease.worker}`,
  );
}

function refuse(code: Refusal['code'], message: string, hint?: string): Refusal {
  return { code, message, ...(hint !== undefined && { hint }) };
}
