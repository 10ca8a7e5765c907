/**
 * LavinMQ (2.9.1), whose offsets begin at 1, counts one too few for a consumer that attached before the first message.
 * A consumer that attaches now gets the right offsets.
 */
export class OffsetCorrection {
  readonly #isLavinMq: boolean;
  #corrected = false;

  /** @param product the name of the broker's product */
  constructor(product: string) {
    this.#isLavinMq = product === 'LavinMQ';
  }

  /** Whether the consumer must attach again, because the offsets that it gets are wrong. */
  isNeeded(offset: number): boolean {
    const isNeeded = this.#isLavinMq && offset === 0 && !this.#corrected;
    this.#corrected ||= isNeeded;
    return isNeeded;
  }
}
