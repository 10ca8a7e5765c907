import { monotonic } from './monotonic.ts';

/** From what length on a silence of the log may have been an absence of the broker, in ms. */
const SILENCE = 2_000;

/**
 * A lease that seems to have ended while nobody was heard in the log may be one that its worker could not renew,
 * because the broker was away. Workers that were connected before tell of that as soon as they are back: whoever looks
 * first waits for them.
 */
export class Absence {
  readonly #grace: number;
  #lastAt = 0;
  #first: { readonly heard: number; readonly spoke: number; readonly since: number } | undefined;

  /** @param grace how long those who were connected need to come back, in ms */
  constructor(grace: number) {
    this.#grace = grace;
  }

  /**
   * An entry has come by.
   * @param at when it was written, ms since 1970
   * @param own whether this process wrote it
   */
  hear(at: number, own: boolean): void {
    if (own) this.#first ??= { heard: this.#lastAt, spoke: at, since: monotonic() };
    this.#lastAt = Math.max(this.#lastAt, at);
  }

  /** How long to wait before a lease is ended that was over at this moment, in ms. */
  patience(endedAt: number): number {
    if (!this.#first) return 0;
    const { heard, spoke, since } = this.#first;
    const inSilence = spoke - heard >= SILENCE && endedAt > heard && endedAt <= spoke;
    return inSilence ? Math.max(0, since + this.#grace - monotonic()) : 0;
  }
}
