import { setTimeout as pause } from 'node:timers/promises';
import type { ConsumeMessage } from 'amqplib';
import { ConnectionLost } from '../connection/broker-error.ts';
import { type BrokerConnection, closeQuietly } from '../connection/broker-connection.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Cache } from '../cache/cache.ts';
import { noteMessage } from '../wire/message/encode.ts';
import type { Names } from '../wire/names.ts';
import { offsetOf } from '../wire/stream-offset.ts';
import type { Log } from './log.ts';

export interface BrokerClockParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly log: Log;
  readonly cache: Cache;
  /** The clock of this machine, in ms since 1970. */
  readonly clock: () => number;
}

/** How long the broker may take to send a message that it already has, in ms, before a marker is published. */
const PROMPT = 50;

/** The difference of two clocks that is tolerated, in ms. */
const TOLERATED = 1_000;

/** The first step of a search for the difference of two clocks, in seconds, and how much longer each next step is. */
const STEP = 4;

/**
 * The clock of the broker. A client cannot ask for it. But the broker dates every message of a stream, and a consumer
 * can begin at a date: it gets the first message that the broker dated then or later. Dates are in whole seconds.
 */
export class BrokerClock {
  readonly #parts: BrokerClockParts;
  /** By how many seconds the clock of this machine must be set back to show a time that the broker has reached. */
  #ahead = 0;

  constructor(parts: BrokerClockParts) {
    this.#parts = parts;
  }

  /** The least number of whole seconds by which this machine is known to be ahead of the broker. 0 for none. */
  get ahead(): number {
    return this.#ahead;
  }

  /**
   * The offset before which every message of the log is at least so many seconds old by the clock of the broker. The clock of this
   * machine has no effect on the answer.
   */
  async agedBefore(seconds: number): Promise<number> {
    const { second, last } = await this.#marked();
    // The clock of this machine may have been set right since.
    const least = (await this.#reached(second, last)) ? 0 : Math.max(1, this.#ahead);
    this.#ahead = least && (await this.#behindBy(least, (by) => this.#reached(second - by, last)));
    return await this.#firstSince(second - this.#ahead - seconds);
  }

  /**
   * By how much the clock of this machine is ahead of the broker's, in ms; negative if it is behind. 0 if they differ
   * by no more than about a second.
   */
  async skew(): Promise<number> {
    const quick = await this.#marked();
    const within =
      (await this.#reached(quick.second, quick.last)) && !(await this.#reached(quick.until + 1, quick.last));
    if (within) {
      this.#ahead = 0;
      return 0;
    }
    // Dates are in whole seconds: a marker at the beginning of a second tells the difference best.
    await pause(TOLERATED - (this.#parts.clock() % TOLERATED));
    const { second, until, last } = await this.#marked();
    if (!(await this.#reached(second - 1, last))) {
      this.#ahead = await this.#behindBy(1, (by) => this.#reached(second - by, last));
      return this.#ahead * 1_000;
    }
    if (!(await this.#reached(until + 1, last))) return 0;
    return (1 - (await this.#behindBy(1, async (by) => !(await this.#reached(until + by, last))))) * 1_000;
  }

  /** Reads the log to its end. @returns the second in which this began, the one in which it ended, and the end */
  async #marked(): Promise<{ readonly second: number; readonly until: number; readonly last: number }> {
    const { clock, log, cache } = this.#parts;
    const second = Math.floor(clock() / 1_000);
    await log.catchUp();
    return { second, until: Math.round(clock() / 1_000), last: cache.position().last };
  }

  /** Whether the broker's clock had reached this second when it stored the message at this offset. */
  async #reached(second: number, offset: number): Promise<boolean> {
    return (await this.#firstSince(second)) <= offset;
  }

  /** The least number of seconds, from `least` on, for which a condition holds that holds for all greater numbers. */
  async #behindBy(least: number, holds: (by: number) => Promise<boolean>): Promise<number> {
    if (await holds(least)) return least;
    let fails = least;
    let step = STEP;
    for (; !(await holds(least + step)); step *= STEP) fails = least + step;
    let by = least + step;
    while (by - fails > 1) {
      const middle = Math.floor((fails + by) / 2);
      if (await holds(middle)) by = middle;
      else fails = middle;
    }
    return by;
  }

  /** The offset of the first message that the broker dated in this second or later. */
  #firstSince(second: number): Promise<number> {
    return this.#parts.client.withConnection((connection) => this.#seek(connection, second));
  }

  async #seek(connection: BrokerConnection, second: number): Promise<number> {
    const { names, log, clock } = this.#parts;
    const channel = await connection.channel();
    const first = Promise.withResolvers<number>();
    first.promise.catch(() => {});
    channel.on('error', (error: Error) => first.reject(error));
    const take = (message: ConsumeMessage | null) => {
      if (message) first.resolve(offsetOf(message));
      else first.reject(new ConnectionLost('the broker ended the reading of the log'));
    };
    try {
      await channel.prefetch(1);
      const begin = { '!': 'timestamp', value: Math.max(0, second) };
      await channel.consume(names.log, take, { arguments: { 'x-stream-offset': begin } });
      // If no message is that recent, the consumer gets the next one: a marker.
      const none = await Promise.race([first.promise, pause(PROMPT)]);
      if (none === undefined) await connection.publish(noteMessage(names, log.newId(), clock(), {}));
      return await connection.until(first.promise);
    } finally {
      void closeQuietly(channel);
    }
  }
}
