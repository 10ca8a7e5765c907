import type { Envelope } from './envelope.ts';
import type { Evidence } from './evidence.ts';

/** All moments are milliseconds since 1970, UTC. */
interface AttemptBase {
  /** 1 for the first, unless the store was restored; never used twice in the life of a task. It fences: only the holder of the latest may act. */
  readonly number: number;
  readonly worker: string;
  readonly started_at: number;
}

/** `failed` and `lease-expired` count towards max_attempts; `released` and `deferred` do not. */
export type AttemptOutcome = 'completed' | 'failed' | 'lease-expired' | 'released' | 'deferred' | 'cancelled';

export type OpenAttempt = AttemptBase & { readonly outcome?: never };
export type ClosedAttempt = AttemptBase & {
  readonly outcome: AttemptOutcome;
  readonly ended_at: number;
  readonly reason?: string;
  /** What a failed attempt left behind, its log above all. */
  readonly artifacts?: readonly Evidence[];
};
export type Attempt = OpenAttempt | ClosedAttempt;

export interface Lease {
  readonly attempt: number;
  readonly worker: string;
  readonly expires_at: number;
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
  /** Where a worker that is not ours says that its result lies: nobody has hashed it. */
  readonly result_ref?: string | undefined;
  readonly artifacts: readonly Evidence[];
}

/** What is known of a task whatever its status. */
export interface TaskFacts {
  readonly id: string;
  readonly envelope: Envelope;
  readonly context?: Evidence;
  readonly submitted_at: number;
  /** Of the role when it was submitted; the envelope's own comes first. */
  readonly max_attempts?: number;
  /** When something last happened to it. */
  readonly updated_at: number;
  readonly attempts: readonly Attempt[];
  /** How many attempts came before the last retry from the dead letters: those no longer count. */
  readonly forgiven: number;
  /** Set where the store was restored from a backup: what comes next is numbered above it. */
  readonly attempts_above?: number;
  /** Changes that came too late, from the wrong hands, or twice. They stand in the history. */
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
  | { readonly status: 'expired'; readonly expired_at: number; readonly dismissed_at?: number }
  | {
      readonly status: 'cancelled';
      readonly cancelled_at: number;
      readonly by: string;
      readonly reason?: string;
      /** When its worker said that its processes are gone; absent where no worker had it, or none has said so. */
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

/** Whether nothing more will happen to the task unless a person or a coordinator wants it. */
export function isFinished(task: Task): task is TaskIn<'completed' | 'failed' | 'cancelled' | 'expired'> {
  return task.status !== 'queued' && task.status !== 'scheduled' && task.status !== 'working';
}

/** Whether the dead-letter queue shows it. */
export function isDead(task: Task): task is TaskIn<'failed' | 'expired'> {
  return (task.status === 'failed' || task.status === 'expired') && task.dismissed_at === undefined;
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

/** Whether no worker has begun it since it was submitted, or last taken back from the dead letters. */
export function isUnstarted(task: Task): boolean {
  return task.attempts.length === task.forgiven;
}
