import type { Cache } from '../cache/cache.ts';

/** The number of entries since the last snapshot after which a new one is written, at least. */
const ENTRIES = 20_000;

/** The same, as a part of the number of tasks: a snapshot names all of them. */
const PART = 1 / 20;

/** How often a process that follows the log checks whether a snapshot is due, in ms. */
const CHECK = 60_000;

/**
 * Writes a snapshot from time to time, as long as the process follows the log: a process that lives for less than a
 * minute writes none.
 */
export class SnapshotSchedule {
  readonly #cache: Cache;
  readonly #write: () => Promise<boolean>;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;

  /** @param write returns false if the user may not write snapshots */
  constructor(cache: Cache, write: () => Promise<boolean>) {
    this.#cache = cache;
    this.#write = write;
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
    const { last, snapshot, tasks } = this.#cache.db.get<{ last: number; snapshot: number; tasks: number }>(
      'SELECT last, snapshot, (SELECT coalesce(max(n), 0) FROM tasks) AS tasks FROM log',
    )!;
    return last - snapshot > Math.max(ENTRIES, tasks * PART);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
