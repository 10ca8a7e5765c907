import type { LogMessage } from '../../wire/message/log-message.ts';

/** How much is held back at most, in bytes. */
const MOST_HELD = 64 * 1024 * 1024;

/**
 * Holds back messages without a time of publication until a message with one appears. They get its time, for all
 * readers of the log. If the limit is exceeded, they get the time that the log has reached.
 */
export class Undated {
  #held: LogMessage[] = [];
  #cost = 0;

  /** The messages that are held back now. */
  get held(): readonly LogMessage[] {
    return this.#held;
  }

  /** The reading begins again. */
  reset(): void {
    this.#held = [];
    this.#cost = 0;
  }

  /** @returns the messages whose time is now known, in order */
  pass(messages: readonly LogMessage[]): readonly LogMessage[] {
    const ready: LogMessage[] = [];
    for (const message of messages) {
      const { at, cost } = message;
      this.#held.push(message);
      this.#cost += cost;
      if (at === undefined && this.#cost <= MOST_HELD) continue;
      for (const one of this.#held) ready.push(one.at === undefined && at !== undefined ? { ...one, next: at } : one);
      this.reset();
    }
    return ready;
  }
}
