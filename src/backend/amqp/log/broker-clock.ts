import { setTimeout as pause } from 'node:timers/promises';
import type { ConsumeMessage } from 'amqplib';
import { ConnectionLost } from '../connection/broker-error.ts';
import { type BrokerConnection, closeQuietly } from '../connection/broker-connection.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { noteMessage } from '../wire/message/encode.ts';
import type { Names } from '../wire/names.ts';
import type { Publication } from '../wire/message/publication.ts';
import { offsetOf } from '../wire/stream-offset.ts';
import { appendAtEnd } from './append-at-end.ts';
import type { Log } from './log.ts';

export interface BrokerClockParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly log: Log;
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
 *
 * All questions of one judgement are asked on one connection. In a cluster, a consumer reads the replica of the node to
 * which it is connected. If that replica has no message of the date yet, the consumer gets the next one that arrives,
 * which is older if the replica lags. So the marker that bounds the answers must have been seen on this connection. It
 * is not enough that another process has read it, such as the elected reader, or this process on an earlier connection.
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
   * The offset before which every message of the log is at least so many seconds old by the clock of the broker. The clock
   * of this machine has no effect on the answer.
   */
  agedBefore(seconds: number): Promise<number> {
    return this.#parts.client.withConnection(async (connection) => {
      const { second, last } = await this.#marked(connection);
      const reached = (by: number) => this.#reached(connection, second - by, last);
      this.#ahead = await this.#stillAhead(reached);
      return await this.#firstSince(connection, second - this.#ahead - seconds);
    });
  }

  /** @param reached whether the broker had reached the time of this machine less so many seconds */
  async #stillAhead(reached: (by: number) => Promise<boolean>): Promise<number> {
    if (await reached(0)) return 0;
    // The clock of this machine may have been corrected since, in part.
    const isLess = this.#ahead > 1 && (await reached(this.#ahead - 1));
    return await this.#behindBy(isLess ? 1 : Math.max(1, this.#ahead), reached);
  }

  /**
   * By how much the clock of this machine is ahead of the broker's, in ms; negative if it is behind. 0 if they differ
   * by no more than about a second.
   */
  skew(): Promise<number> {
    return this.#parts.client.withConnection((connection) => this.#skewOn(connection));
  }

  async #skewOn(connection: BrokerConnection): Promise<number> {
    const quick = await this.#marked(connection);
    const within =
      (await this.#reached(connection, quick.second, quick.last)) &&
      !(await this.#reached(connection, quick.until + 1, quick.last));
    if (within) {
      this.#ahead = 0;
      return 0;
    }
    // Dates are in whole seconds: a marker at the beginning of a second tells the difference best.
    await pause(TOLERATED - (this.#parts.clock() % TOLERATED));
    const { second, until, last } = await this.#marked(connection);
    const reached = (at: number) => this.#reached(connection, at, last);
    if (!(await reached(second - 1))) {
      this.#ahead = await this.#behindBy(1, (by) => reached(second - by));
      return this.#ahead * 1_000;
    }
    if (!(await reached(until + 1))) return 0;
    return (1 - (await this.#behindBy(1, async (by) => !(await reached(until + by))))) * 1_000;
  }

  /**
   * Appends a marker, and reads it on this connection. Meanwhile the cache is brought up to date.
   * @returns the second in which this began, the one in which it ended, and the offset of the marker
   */
  async #marked(
    connection: BrokerConnection,
  ): Promise<{ readonly second: number; readonly until: number; readonly last: number }> {
    const { client, clock, log, names } = this.#parts;
    const second = Math.floor(clock() / 1_000);
    const { patience } = client;
    const [last] = await Promise.all([appendAtEnd(connection, names, this.#marker(), { patience }), log.catchUp()]);
    return { second, until: Math.round(clock() / 1_000), last };
  }

  #marker(): Publication {
    const { clock, log, names } = this.#parts;
    return noteMessage(names, log.newId(), clock(), {});
  }

  /** Whether the broker's clock had reached this second when it stored the message at this offset. */
  async #reached(connection: BrokerConnection, second: number, offset: number): Promise<boolean> {
    return (await this.#firstSince(connection, second)) <= offset;
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
  async #firstSince(connection: BrokerConnection, second: number): Promise<number> {
    const { names } = this.#parts;
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
      if (none === undefined) await connection.publish(this.#marker());
      return await connection.until(first.promise);
    } finally {
      void closeQuietly(channel);
    }
  }
}
