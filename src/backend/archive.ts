import type { Evidence } from '../core/evidence/evidence.ts';
import type { Task } from '../core/task/task.ts';

/**
 * The port of a backend whose store is a file: the operations that backup and restore need. Moments in ms since 1970.
 */
export interface Archive {
  /** Whether the store contains tasks, or content that cannot be read. */
  readonly occupied: boolean;
  /**
   * Copies the store as it is now into a new file, while other processes continue.
   * @throws AgentqError `storage`, `corrupt`
   */
  take(file: string): StoreCopy;
  /** Makes the name of a copy durable. */
  settle(file: string): void;
  /**
   * Copies a backup to a temporary place beside the store, and verifies it.
   * @throws AgentqError `corrupt` if it is not a backup, or is incomplete
   */
  load(file: string): StoreCopy;
  /**
   * Begins a new epoch in a loaded copy, and replaces the store by it, at once for all processes that have it open. The
   * previous store is kept in a file beside it. Closes the copy.
   * @throws AgentqError `busy` if another restore is under way, or the store is damaged and another process has it open
   */
  restore(copy: StoreCopy): Restored;
}

/** A copy of a store that only this process uses. */
export interface StoreCopy extends Disposable {
  tasks(): Iterable<Task>;
  /** What was listed when the backup was made; undefined for a plain copy of a database. */
  readonly listing: Listing | undefined;
  /** Whether the file that it was copied from is complete without a write-ahead log. */
  readonly selfContained: boolean;
  /** Records which evidence belongs to the backup, and completes the copy: then it is on the disk. */
  list(listing: Listing): void;
}

export interface Listing {
  readonly made_at: number;
  readonly evidence: readonly Listed[];
}

/** `kept`: whether a copy of it is beside the backup. */
export type Listed = Evidence & { readonly kept: boolean };

export interface Restored {
  readonly epoch: number;
  readonly tasks: number;
  readonly leases_ended: number;
  /** The file in which the previous store is kept. */
  readonly replaced?: string;
}
