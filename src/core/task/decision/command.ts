import type { Cost } from '../../cost.ts';
import type { Priority } from '../../envelope/priority.ts';
import type { Envelope } from '../../envelope/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import type { Edits } from '../event.ts';
import type { PruneLimit } from './prunable.ts';
import type { Backoff } from '../retry.ts';

/**
 * A requested change of a task. `by` is the role or worker that requests it. `attempt` is the fencing token: the
 * attempt number from the claim. All durations in milliseconds.
 */
export type Command =
  | {
      readonly type: 'submit';
      readonly envelope: Envelope;
      readonly context?: Evidence | undefined;
      /** The setting of the role, used if the envelope has none. It is not part of the submitted content. */
      readonly max_attempts?: number | undefined;
      /** Whether the id was created at random for this submit, so that no other task can have it. */
      readonly fresh?: boolean;
    }
  | {
      readonly type: 'claim';
      readonly worker: string;
      readonly lease: number;
      /** The role whose tasks are claimed: an edit may have given the task to another one. */
      readonly role?: string;
      /** The priority by which the task was found: an edit may have changed it. */
      readonly priority?: Priority;
    }
  | ({
      readonly type: 'renew';
      readonly lease: number;
      /** Whether the length that the claim took applies instead of `lease`, if the claim recorded it. */
      readonly as_claimed?: boolean;
      readonly percent?: number;
      readonly note?: string;
    } & Reporter)
  | ({
      readonly type: 'complete';
      readonly summary?: string;
      readonly result?: Evidence;
      readonly artifacts: readonly Evidence[];
      /** The worker states that it delivers nothing. A log that its runner keeps does not count. */
      readonly empty?: boolean;
    } & Reporter)
  /** Without `backoff` the failure is final, even if attempts are left. */
  | ({
      readonly type: 'fail';
      readonly reason: string;
      readonly artifacts: readonly Evidence[];
      readonly backoff?: Backoff;
    } & Reporter)
  /** Returns the task to the queue: at once, or with `backoff` after a wait. Neither counts as a failure. */
  | ({
      readonly type: 'release';
      readonly reason: string;
      readonly backoff?: Backoff;
      readonly artifacts?: readonly Evidence[];
    } & Reporter)
  /** Only records the refusal of a command that was refused before it reached the backend. */
  | ({ readonly type: 'note-refusal'; readonly of: 'complete' | 'fail'; readonly reason: string } & Caller)
  | { readonly type: 'cancel'; readonly by: string; readonly reason?: string }
  /**
   * Reports that the processes of a cancelled attempt are gone, or brings the log of an attempt that ended without it.
   */
  | ({
      readonly type: 'acknowledge-cancel';
      readonly attempt: number;
      readonly artifacts?: readonly Evidence[];
    } & Reporter)
  | { readonly type: 'retry'; readonly by: string }
  /** Gives a task that no worker has begun other values. */
  | {
      readonly type: 'edit';
      readonly by: string;
      readonly reason?: string;
      readonly set: Edits;
      /** The setting of the new role, if the role changes. */
      readonly max_attempts?: number | undefined;
    }
  /** The outcome of a completed task no longer counts: it is queued for a new attempt. */
  | { readonly type: 'redo'; readonly by: string; readonly reason: string }
  | { readonly type: 'dismiss'; readonly by: string }
  /** The store was restored from a backup that was made in the epoch `since`. */
  | { readonly type: 'restore'; readonly epoch: number; readonly since: number }
  /**
   * Removes a task that ended before `before`, ms since 1970; has no effect on any other task.
   * `remember`: how long its id stays known, in ms.
   */
  | ({ readonly type: 'prune'; readonly remember: number } & PruneLimit)
  /** No request: only time has passed. */
  | { readonly type: 'elapse' };

export interface Caller {
  readonly by: string;
  readonly attempt?: number | undefined;
}

/** A caller that may report what the attempt has cost so far. */
export interface Reporter extends Caller {
  readonly cost?: Cost | undefined;
}

export type CommandType = Command['type'];
export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;
