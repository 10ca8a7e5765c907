import type { Cache } from '../cache/cache.ts';
import { TOLERANCE } from '../cache/role-clocks.ts';

/** The shortest silence of the log that may have been an outage, in ms. */
const SILENCE = 2_000;

/**
 * A lease that ended during a silence of the log may be one that its worker could not renew, because of an outage of
 * the broker. Workers that were connected before report the outage as soon as they are connected again. A process that
 * was not connected itself, and looks earlier, waits for their reports.
 */
export class OutageGrace {
  readonly #grace: number;
  readonly #cache: Cache;
  readonly #clock: () => number;
  #connected: number | undefined;

  /** @param grace how long the workers that were connected need to connect again, in ms */
  constructor(grace: number, cache: Cache, clock: () => number) {
    this.#grace = grace;
    this.#cache = cache;
    this.#clock = clock;
  }

  /** An entry of this process has appeared. @param at when it was written, ms since 1970 */
  published(at: number): void {
    this.#connected ??= at;
  }

  /** How long to wait before a lease is ended that was over at this moment, in ms. */
  patience(endedAt: number): number {
    if (this.#connected === undefined || this.#connected < endedAt) return 0;
    // If an entry has stated a time in the future, the log does not show how long others were silent.
    const astray = this.#cache.position().at > this.#clock() + TOLERANCE;
    if (astray) return Math.min(this.#grace, Math.max(0, this.#connected + this.#grace - this.#clock()));
    // Others may have been active after the lease's end: an entry that is published after a silence may have been
    // written before it.
    const { ended } = this.#cache.db.get<{ ended: number | null }>(
      'SELECT max(ended) AS ended FROM silence WHERE ended BETWEEN ? AND ? AND ended - began >= ?',
      endedAt,
      this.#connected,
      SILENCE,
    )!;
    return ended === null ? 0 : Math.min(this.#grace, Math.max(0, ended + this.#grace - this.#clock()));
  }
}
