import type { LogMessage } from '../wire/log-message.ts';

/** How much is kept back at most, in bytes. */
const MOST_HELD = 64 * 1024 * 1024;

/**
 * Keeps back messages that do not say when they were published, until something comes by that does: they are of that
 * time, for all who read the log. Where that becomes too much, they are of the time that the log has reached.
 */
export class Undated {
  #held: LogMessage[] = [];
  #cost = 0;

  /** What is kept back now. */
  get held(): readonly LogMessage[] {
    return this.#held;
  }

  /** The reading begins anew. */
  reset(): void {
    this.#held = [];
    this.#cost = 0;
  }

  /** @returns those whose time is known now, in order */
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
