import { type Cost, sumOf } from '../cost.ts';
import type { Envelope } from '../envelope/envelope.ts';
import type { Evidence } from '../evidence/evidence.ts';

/** All times are in milliseconds since 1970, UTC. */
interface AttemptBase {
  /**
   * The fencing token. 1 for the first attempt, unless the store was restored. No number is used twice for a task. Only
   * the holder of the latest attempt may change the task.
   */
  readonly number: number;
  readonly worker: string;
  readonly started_at: number;
  /** What its worker has reported, in total. */
  readonly cost?: Cost;
}

/** `failed` and `lease-expired` count towards max_attempts; `released` and `deferred` do not. */
export type AttemptOutcome = 'completed' | 'failed' | 'lease-expired' | 'released' | 'deferred' | 'cancelled';

export type OpenAttempt = AttemptBase & { readonly outcome?: never };
export type ClosedAttempt = AttemptBase & {
  readonly outcome: AttemptOutcome;
  readonly ended_at: number;
  readonly reason?: string;
  /** The files of an attempt that was not completed, mainly its log. */
  readonly artifacts?: readonly Evidence[];
};
export type Attempt = OpenAttempt | ClosedAttempt;

export interface Lease {
  readonly attempt: number;
  readonly worker: string;
  readonly expires_at: number;
  /** The length that the claim took, in seconds; absent after a claim by version 0.1. */
  readonly seconds?: number;
}

export interface Progress {
  readonly percent?: number;
  readonly note?: string;
  readonly at: number;
}

export interface Completion {
  readonly attempt: number;
  readonly by: string;
  readonly at: number;
  readonly summary?: string;
  readonly result?: Evidence;
  /** The location of the result of a third-party worker, as reported by it. The file has no recorded hash. */
  readonly result_ref?: string | undefined;
  readonly artifacts: readonly Evidence[];
  /** Whether the worker has stated that it delivers nothing. */
  readonly empty?: boolean | undefined;
}

/** A completion that no longer counts, because a person or a coordinator wants the task to be done again. */
export interface Redo {
  readonly at: number;
  readonly by: string;
  readonly reason: string;
  /** The outcome until then. */
  readonly completion: Completion;
}

/** The data that a task has in every status. */
export interface TaskFacts {
  readonly id: string;
  readonly envelope: Envelope;
  /** The envelope as it was submitted, if it was edited since. A repeated submit may have either content. */
  readonly original?: Envelope;
  readonly context?: Evidence;
  readonly submitted_at: number;
  /** The setting of the role at the time of the submit. The value in the envelope overrides it. */
  readonly max_attempts?: number;
  /** The time of its latest event. A refusal changes nothing, so it does not count. */
  readonly updated_at: number;
  readonly attempts: readonly Attempt[];
  /** The number of attempts before the last retry from the dead letters, or the last redo. They no longer count. */
  readonly forgiven: number;
  /** Its former outcomes, the oldest first; absent if it was never redone. */
  readonly redone?: readonly Redo[];
  /** Set if the store was restored from a backup. Later attempts have higher numbers than this. */
  readonly attempts_above?: number;
  /**
   * The number of completions and failures that were refused: too late, or not from the holder of the task. The history
   * contains them.
   */
  readonly refused: number;
}

export type StatusPart =
  | { readonly status: 'scheduled'; readonly due_at: number; readonly why: 'delay' | 'backoff' }
  | { readonly status: 'queued'; readonly ready_at: number }
  | { readonly status: 'working'; readonly lease: Lease; readonly progress?: Progress }
  | { readonly status: 'completed'; readonly completion: Completion }
  | {
      readonly status: 'failed';
      readonly failed_at: number;
      readonly reason: string;
      readonly dismissed_at?: number;
    }
  | {
      readonly status: 'expired';
      readonly expired_at: number;
      /** When its end was recorded, later than `expired_at` if no process ran. Absent in logs of older versions. */
      readonly recorded_at?: number;
      readonly dismissed_at?: number;
    }
  | {
      readonly status: 'cancelled';
      readonly cancelled_at: number;
      readonly by: string;
      readonly reason?: string;
      /**
       * When its worker reported that its processes are gone. Absent if no worker had the task or no report has come.
       */
      readonly stopped_at?: number;
    };

export type Task = TaskFacts & StatusPart;
export type Status = Task['status'];
export type TaskIn<S extends Status> = Extract<Task, { status: S }>;

export const statuses = [
  'queued',
  'scheduled',
  'working',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const satisfies readonly Status[];

/** The statuses of a task that has not ended. */
export const openStatuses = ['queued', 'scheduled', 'working'] as const satisfies readonly Status[];
export const finishedStatuses = ['completed', 'failed', 'cancelled', 'expired'] as const satisfies readonly Status[];

/** Whether a list of statuses contains this one. */
export function isOneOf<S extends Status>(statuses: readonly S[], status: Status): status is S {
  return (statuses as readonly Status[]).includes(status);
}

export type Open = TaskIn<(typeof openStatuses)[number]>;
export type Finished = Exclude<Task, Open>;

/** Whether the task has ended: it changes only if a person or a coordinator requests it. */
export function isFinished(task: Task): task is Finished {
  return !isOneOf(openStatuses, task.status);
}

/** When the task ended. What happens to it later, such as a purge or a restore of the store, does not count. */
export function finishedAt(task: Finished): number {
  switch (task.status) {
    case 'completed':
      return task.completion.at;
    case 'failed':
      return task.failed_at;
    case 'cancelled':
      return task.cancelled_at;
    case 'expired':
      return task.expired_at;
    default:
      return task satisfies never;
  }
}

/** Whether the dead-letter queue contains it. */
export function isDead(task: Task): task is TaskIn<'failed' | 'expired'> {
  return (task.status === 'failed' || task.status === 'expired') && task.dismissed_at === undefined;
}

/** What all attempts have cost; undefined if none has reported it. */
export function costOf(task: Task): Cost | undefined {
  return sumOf(task.attempts.map(({ cost }) => cost));
}

/** How many attempts count towards max_attempts. */
export function spentAttempts(task: Task): number {
  return task.attempts.slice(task.forgiven).filter((a) => a.outcome === 'failed' || a.outcome === 'lease-expired')
    .length;
}

/** The number that the next attempt gets. */
export function nextAttempt(task: Task): number {
  return Math.max(task.attempts.at(-1)?.number ?? 0, task.attempts_above ?? 0) + 1;
}

/** Whether no worker has ever had it, and it has not ended. */
export function isEditable(task: Task): task is TaskIn<'queued' | 'scheduled'> {
  return (task.status === 'queued' || task.status === 'scheduled') && task.attempts.length === 0;
}

/** Whether no worker has started it since the submit, the last retry from the dead letters or the last redo. */
export function isUnstarted(task: Task): boolean {
  return task.attempts.length === task.forgiven;
}
