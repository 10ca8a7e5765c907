import type { Cache } from '../cache/cache.ts';
import { TOLERANCE } from '../cache/role-clocks.ts';

/** From what length on a silence of the log may have been an outage, in ms. */
const SILENCE = 2_000;

/**
 * A lease that seems to have ended while nobody was heard in the log may be one that its worker could not renew,
 * because the broker was away. Workers that were connected before tell of that as soon as they are back: whoever looks
 * sooner, and was not connected itself, waits for them.
 */
export class OutageGrace {
  readonly #grace: number;
  readonly #cache: Cache;
  readonly #clock: () => number;
  #connected: number | undefined;

  /** @param grace how long those who were connected need to come back, in ms */
  constructor(grace: number, cache: Cache, clock: () => number) {
    this.#grace = grace;
    this.#cache = cache;
    this.#clock = clock;
  }

  /** What this process wrote has come by. @param at when it was written, ms since 1970 */
  published(at: number): void {
    this.#connected ??= at;
  }

  /** How long to wait before a lease is ended that was over at this moment, in ms. */
  patience(endedAt: number): number {
    if (this.#connected === undefined || this.#connected < endedAt) return 0;
    // Where somebody has said a time that has not come yet, the log does not show how long others were silent.
    const astray = this.#cache.position().at > this.#clock() + TOLERANCE;
    if (astray) return Math.min(this.#grace, Math.max(0, this.#connected + this.#grace - this.#clock()));
    // Somebody may have been heard after the lease's end: what is published after a silence may have been written before.
    const { ended } = this.#cache.db.get<{ ended: number | null }>(
      'SELECT max(ended) AS ended FROM silence WHERE ended BETWEEN ? AND ? AND ended - began >= ?',
      endedAt,
      this.#connected,
      SILENCE,
    )!;
    return ended === null ? 0 : Math.min(this.#grace, Math.max(0, ended + this.#grace - this.#clock()));
  }
}
