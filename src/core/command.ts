import type { Envelope } from './envelope.ts';
import type { Evidence } from './evidence.ts';
import type { Backoff } from './retry.ts';

/**
 * What somebody wants of a task. `by` is the role or the worker that speaks. `attempt` is the fencing token: the
 * attempt that the speaker was given when it claimed. All spans in milliseconds.
 */
export type Command =
  | {
      readonly type: 'submit';
      readonly envelope: Envelope;
      readonly context?: Evidence | undefined;
      /** The role's, where the envelope says none: no part of what the submitter said. */
      readonly max_attempts?: number | undefined;
      /** Whether the id was drawn at random for this submit, so that no other task can have it. */
      readonly fresh?: boolean;
    }
  | { readonly type: 'claim'; readonly worker: string; readonly lease: number }
  | ({
      readonly type: 'renew';
      readonly lease: number;
      readonly percent?: number;
      readonly note?: string;
    } & Spoken)
  | ({
      readonly type: 'complete';
      readonly summary?: string;
      readonly result?: Evidence;
      readonly artifacts: readonly Evidence[];
    } & Spoken)
  /** `backoff` absent: the failure is final, whatever attempts are left. */
  | ({
      readonly type: 'fail';
      readonly reason: string;
      readonly artifacts: readonly Evidence[];
      readonly backoff?: Backoff;
    } & Spoken)
  /** Gives the task back unharmed; with `backoff` not at once, but after a wait. Neither counts as a failure. */
  | ({ readonly type: 'release'; readonly reason: string; readonly backoff?: Backoff } & Spoken)
  /** Nothing but the memory of a command that was refused before it was given. */
  | ({ readonly type: 'note-refusal'; readonly of: 'complete' | 'fail'; readonly reason: string } & Spoken)
  | { readonly type: 'cancel'; readonly by: string; readonly reason?: string }
  /** A worker says that the process group of a cancelled attempt is gone. */
  | { readonly type: 'acknowledge-cancel'; readonly by: string; readonly attempt: number }
  | { readonly type: 'retry'; readonly by: string }
  | { readonly type: 'dismiss'; readonly by: string }
  /** The store was restored from a backup that was made in the epoch `since`. */
  | { readonly type: 'restore'; readonly epoch: number; readonly since: number }
  /** Nobody wants anything; time has passed. */
  | { readonly type: 'elapse' };

export interface Spoken {
  readonly by: string;
  readonly attempt?: number | undefined;
}

export type CommandType = Command['type'];
export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;
