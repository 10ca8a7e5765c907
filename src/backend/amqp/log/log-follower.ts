import { setTimeout as pause } from 'node:timers/promises';
import type { Topic } from '../../backend.ts';
import type { Doorbell } from '../../projection/doorbell.ts';
import type { Listeners } from '../../projection/listeners.ts';
import type { Cache, Folded } from '../cache/cache.ts';
import type { ElectedReader } from '../cache/elected-reader.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import { monotonic } from '../connection/monotonic.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Publication } from '../wire/message/publication.ts';
import { eventKey, FOREIGN_RESULT } from '../wire/routing-key.ts';
import type { LogReader } from './reader/log-reader.ts';
import type { LogReaders } from './log-readers.ts';

/** How often to check which process of this machine reads the log, in ms. */
const CHECK = 250;

/** The wait before the next try after a failure, in ms. */
const AGAIN = 500;

/** How long the elected process may take to fold an entry that the broker has confirmed, in ms. */
const PATIENCE = 1_000;

/** The longest wait between two looks for an entry in the cache, in ms. */
const LONGEST_LOOK = 10;

/** The keys of entries whose outcome the cache does not always record. */
const UNRECORDED = new RegExp(`^${eventKey(`(carried|${FOREIGN_RESULT})`).replaceAll('.', '\\.')}\\b`);

export interface FollowerParts {
  readonly client: ReconnectingClient;
  readonly cache: Cache;
  readonly readers: LogReaders;
  readonly elected: ElectedReader;
  readonly doorbell: Doorbell;
  readonly listeners: Listeners;
}

/**
 * Keeps the cache up to date as long as a caller waits. Of the processes that share the cache, the elected one reads
 * the log. The others do not read it: the elected process signals a change to them, and they find the outcome of their
 * own entries in the cache. If the elected process is too slow, another process reads the log and is elected.
 */
export class LogFollower {
  readonly #parts: FollowerParts;
  #following = false;
  #closed = false;
  /** Whether changes ring. */
  #live = false;
  #resting: BrokerConnection | undefined;
  /** The last reader that was attached, of this connection or an earlier one. */
  #reader: LogReader | undefined;
  #wake: () => void = () => {};

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  get isLive(): boolean {
    return this.#live;
  }

  /** Follows the log as long as a caller waits, and continues after each loss of the connection. */
  async follow(): Promise<void> {
    if (this.#following) {
      // The caller may wait for a topic that this process has not listened for yet.
      if (this.#resting) this.#parts.doorbell.listen();
      return;
    }
    this.#following = true;
    while (this.#isWanted) {
      try {
        await this.#followOn(await this.#parts.client.connection(Infinity));
      } catch {
        // The next call gets the error; here the reader only tries again.
        await pause(AGAIN, undefined, { ref: false });
      } finally {
        this.#leave();
      }
    }
    this.#following = false;
  }

  get #isWanted(): boolean {
    return !this.#closed && !this.#parts.listeners.none;
  }

  async #followOn(connection: BrokerConnection): Promise<void> {
    const { elected, doorbell, listeners, readers } = this.#parts;
    void connection.lost.then(() => this.#wake());
    let rested: boolean | undefined;
    while (this.#isWanted && !connection.closed) {
      const rests = !elected.stand() && doorbell.listen();
      const changes = rests !== rested;
      if (!rests) this.#resting = undefined;
      const before = this.#reader;
      if (changes || !rests) await this.#attach(await readers.on(connection));
      this.#resting = rests ? connection : undefined;
      this.#live = true;
      if (rests) await readers.stopIdle(connection);
      else if (changes) doorbell.ringAll();
      // A ring may have been lost during the change from one source of rings to the other. The cache may already hold
      // the entries of that time.
      if (before && (changes || before !== this.#reader)) listeners.ringAll();
      rested = rests;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CHECK).unref();
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #attach(reader: LogReader): Promise<void> {
    if (reader !== this.#reader) reader.failed.catch(() => this.#wake());
    await reader.attached;
    this.#reader = reader;
  }

  /** Another process is elected. */
  #leave(): void {
    this.#live = false;
    this.#resting = undefined;
    try {
      this.#parts.elected.resign();
    } catch {
      // The other processes see that this one does not keep up, or has ended.
    }
    this.#parts.doorbell.close();
  }

  /** Wakes the processes that rest. */
  ring(topic: Topic): void {
    if (this.#live && !this.#resting) this.#parts.doorbell.ring(topic);
  }

  ringAll(): void {
    if (this.#live && !this.#resting) this.#parts.doorbell.ringAll();
  }

  /**
   * Publishes an entry and waits until the elected process has folded it.
   * @returns undefined if this process has to read the log itself
   * @throws Unroutable; ConnectionLost
   */
  async appended(
    connection: BrokerConnection,
    make: () => Publication,
  ): Promise<{ readonly effect: Folded } | undefined> {
    if (this.#resting !== connection) return undefined;
    const message = make();
    if (UNRECORDED.test(message.key)) return undefined;
    const { cache, elected } = this.#parts;
    const end = monotonic() + PATIENCE;
    const published = connection.publish(message);
    const confirmed = published.then(() => true);
    if (!(await Promise.race([confirmed, pause(PATIENCE, false, { ref: false })]))) {
      published.catch(() => {}); // it is published again
      return this.#standIn();
    }
    for (let wait = 1; ; wait = Math.min(wait + 1, LONGEST_LOOK)) {
      const known = cache.folded(message.options.messageId);
      if (known) return known;
      if (monotonic() >= end || (wait === LONGEST_LOOK && !elected.isOther)) return this.#standIn();
      await pause(wait);
    }
  }

  #standIn(): undefined {
    this.#parts.elected.stand(true);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
    if (this.#following) this.#leave();
  }
}
