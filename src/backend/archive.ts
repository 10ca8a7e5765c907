import type { Evidence } from '../core/evidence/evidence.ts';
import type { Task } from '../core/task/task.ts';

/** The port of a backend whose store is a file: what a backup and a restore need of it. Moments in ms since 1970. */
export interface Archive {
  /** Whether the store holds tasks, or something that can't be read. */
  readonly occupied: boolean;
  /**
   * Copies the store as it is now into a new file, while others go on working.
   * @throws AgentqError `storage`, `corrupt`
   */
  take(file: string): StoreCopy;
  /** Makes the name durable that a copy was given. */
  settle(file: string): void;
  /**
   * Copies a backup to a temporary place beside the store, and verifies it.
   * @throws AgentqError `corrupt` where it is no backup, or not whole
   */
  load(file: string): StoreCopy;
  /**
   * Begins a new epoch in a copy that was loaded, and puts it in the place of the store, at once for all who have it
   * open. What was there is kept in a file beside it. Closes the copy.
   * @throws AgentqError `busy` where another restore is under way, or the store is damaged and another process has it open
   */
  restore(copy: StoreCopy): Restored;
}

/** A copy of a store that this process alone uses. */
export interface StoreCopy extends Disposable {
  tasks(): Iterable<Task>;
  /** What was listed when the backup was made; undefined where it is a plain copy of a database. */
  readonly listing: Listing | undefined;
  /** Whether the file that it was copied from contains everything by itself, without a write-ahead log. */
  readonly selfContained: boolean;
  /** Notes which evidence belongs to the backup, and ends the copying: it is on the disk then. */
  list(listing: Listing): void;
}

export interface Listing {
  readonly made_at: number;
  readonly evidence: readonly Listed[];
}

/** `kept`: whether a copy of it lies beside the backup. */
export type Listed = Evidence & { readonly kept: boolean };

export interface Restored {
  readonly epoch: number;
  readonly tasks: number;
  readonly leases_ended: number;
  /** The file that what was there before is kept in. */
  readonly replaced?: string;
}
