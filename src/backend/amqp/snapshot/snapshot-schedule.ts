import type { Cache } from '../cache/cache.ts';
import { isBeingWritten, isOutdated } from '../cache/tables/known-snapshots.ts';

/** The number of entries since the last snapshot after which a new one is written, at least. */
const ENTRIES = 20_000;

/** The same, as a part of the number of tasks: a snapshot names all of them. */
const PART = 1 / 20;

/** How often a process that follows the log checks whether a snapshot is due, in ms. */
const CHECK = 60_000;

/**
 * Writes a snapshot from time to time, as long as the process follows the log and no other process writes one. A process
 * that lives for less than a minute writes none.
 */
export class SnapshotSchedule {
  readonly #cache: Cache;
  readonly #write: () => Promise<boolean>;
  readonly #clock: () => number;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;

  /**
   * @param write returns false if the user may not write snapshots
   * @param clock ms since 1970
   */
  constructor(cache: Cache, write: () => Promise<boolean>, clock: () => number) {
    this.#cache = cache;
    this.#write = write;
    this.#clock = clock;
  }

  begin(): void {
    this.#timer ??= setInterval(() => void this.#writeIfDue(), CHECK).unref();
  }

  async #writeIfDue(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      if (this.#isDue() && !(await this.#write())) this.close();
    } catch {
      // A snapshot only saves time. The next one is due after as many entries.
    } finally {
      this.#writing = false;
    }
  }

  #isDue(): boolean {
    const now = this.#clock();
    const { db } = this.#cache;
    return !isBeingWritten(db, undefined, now) && (this.#hasGrown() || isOutdated(db, now));
  }

  #hasGrown(): boolean {
    const { last, snapshot, tasks } = this.#cache.db.get<{ last: number; snapshot: number; tasks: number }>(
      'SELECT last, snapshot, (SELECT coalesce(max(n), 0) FROM tasks) AS tasks FROM log',
    )!;
    return last - snapshot > Math.max(ENTRIES, tasks * PART);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
