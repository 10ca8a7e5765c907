import { type ClockSkew, describeClockSkew } from '../../../core/clock-skew.ts';
import type { Machine } from '../../options.ts';
import type { BrokerClock } from './broker-clock.ts';

/** How long a process must follow the log before it checks its clock, in ms: short waits must not cost more. */
const AFTER = 1_000;

export interface ClockCheckOptions {
  readonly machine: () => Machine;
  /** Prints one line for the user. */
  readonly say: (line: string) => void;
}

/** Compares the clock of this machine with the broker's, and warns once if they differ. */
export class ClockCheck {
  readonly #brokerClock: BrokerClock;
  readonly #options: ClockCheckOptions;
  #begun = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(brokerClock: BrokerClock, options: ClockCheckOptions) {
    this.#brokerClock = brokerClock;
    this.#options = options;
  }

  async skew(): Promise<ClockSkew | undefined> {
    const ahead = await this.#brokerClock.skew();
    return ahead === 0 ? undefined : { machine: this.#options.machine().name, ahead };
  }

  /** Checks in the background, once in the life of the process. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.#warn();
  }

  async #warn(): Promise<void> {
    try {
      const skew = await this.skew();
      if (skew) this.#options.say(`warning: ${describeClockSkew(skew)}: leases and delays may end late, or too early`);
    } catch {
      // The broker was not reachable: the next call checks again.
      this.#begun = false;
    }
  }

  /** The same, if the process still runs after a while. */
  beginLater(): void {
    this.#timer ??= setTimeout(() => this.begin(), AFTER).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
