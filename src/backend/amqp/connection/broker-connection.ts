import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import { ConnectionLost, Unroutable } from './broker-error.ts';
import { BrokerActivity } from './broker-activity.ts';
import { PipelinedChannels } from './pipelined-channels.ts';
import { Publisher } from './publisher.ts';
import type { Publication } from '../wire/message/publication.ts';

/** How long to wait for the broker to close the connection, in ms. */
const CLOSE_TIMEOUT = 1_000;

/** One connection, from its beginning to its end, and the channels on it. */
export class BrokerConnection {
  #outageStart: number | undefined;
  readonly #model: ChannelModel;
  readonly #activity: BrokerActivity;
  readonly #channels: PipelinedChannels;
  readonly #waiting = new Set<(error: Error) => void>();
  #closed = false;
  #blocked: string | undefined;
  #publisher: Promise<Publisher> | undefined;

  /** @param outageStart when the previous connection was lost, if there was one: ms since 1970 */
  constructor(model: ChannelModel, outageStart: number | undefined) {
    this.#model = model;
    this.#activity = new BrokerActivity(model);
    this.#channels = new PipelinedChannels(model);
    this.#outageStart = outageStart;
    model.on('blocked', (reason: string) => (this.#blocked = reason));
    model.on('unblocked', () => (this.#blocked = undefined));
    model.on('close', (error?: Error) => {
      this.#closed = true;
      for (const reject of this.#waiting) reject(new ConnectionLost(error?.message ?? 'the connection was closed'));
    });
  }

  /**
   * Waits for a promise, or for the end of the connection. Promise.race with one shared promise of the end would keep
   * every result in memory as long as the connection lives.
   * @throws ConnectionLost
   */
  until<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /** When the outage before this connection began, as long as the log does not contain it: ms since 1970. */
  get outageStart(): number | undefined {
    return this.#outageStart;
  }

  /** The log contains the outage: a later reader on this connection must not record it again. */
  outageIsRecorded(): void {
    this.#outageStart = undefined;
  }

  /** Calls back when the broker accepts no messages, because it is short of memory or disk. */
  onBlocked(listener: (reason: string) => void): void {
    this.#model.on('blocked', listener);
  }

  onUnblocked(listener: () => void): void {
    this.#model.on('unblocked', listener);
  }

  onLost(listener: () => void): void {
    this.#model.on('close', listener);
  }

  /** Resolves when the connection is lost. */
  get lost(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#model.once('close', () => resolve()));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Grows as long as the broker answers, or accepts data that waits to be sent. Its heartbeats do not count. */
  get activity(): number {
    return this.#activity.count;
  }

  /** Why the broker currently accepts no messages; undefined if it does. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  get product(): { readonly name: string; readonly version: string } {
    const { product, version } = this.#model.connection.serverProperties;
    return { name: product, version };
  }

  /** A separate channel, which sends each request at once. The caller must handle that the broker closes it. */
  async channel(): Promise<Channel> {
    const channel = await this.#channels.open();
    channel.on('error', () => {});
    return channel;
  }

  /** A separate channel with publisher confirms, for a caller that reads and publishes in that order. */
  async confirmChannel(): Promise<{ readonly channel: Channel; readonly publisher: Publisher }> {
    const channel = await this.#channels.openConfirming();
    return { channel, publisher: new Publisher(channel) };
  }

  /**
   * Publishes on a shared channel. If the broker closes it because of another caller's message, this message is
   * published again: a duplicate of a message with an id is harmless.
   * @throws Unroutable; ConnectionLost
   */
  async publish(message: Publication): Promise<void> {
    const shared = await this.#shared();
    try {
      await shared.publish(message);
    } catch (error) {
      if (error instanceof Unroutable || this.#closed || !shared.closed) throw error;
      const { channel, publisher } = await this.confirmChannel();
      await publisher.publish(message).finally(() => closeQuietly(channel));
    }
  }

  /** One shared publisher, also for calls while it is being opened; a new one if the broker has closed the last. */
  #shared(): Promise<Publisher> {
    if (this.#publisher) return this.#publisher;
    const opening = this.confirmChannel().then(({ channel, publisher }) => {
      channel.on('close', forget);
      return publisher;
    });
    const forget = () => {
      if (this.#publisher === opening) this.#publisher = undefined;
    };
    opening.catch(forget);
    this.#publisher = opening;
    return opening;
  }

  /** Whether an error came from the end of the connection, and not from the request. */
  async isLost(error: unknown): Promise<boolean> {
    if (error instanceof ConnectionLost) return true;
    // A channel gets the end of its connection shortly before the connection reports it.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#closed;
  }

  /** Sends the close and does not wait for the answer: for a caller without unconfirmed messages. */
  async leave(): Promise<void> {
    this.#closed = true;
    this.#model.close().catch(() => {});
    await this.written();
  }

  /** Resolves when the data was passed to the system: the driver writes one event-loop turn later. */
  async written(): Promise<void> {
    for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    const lost = this.lost;
    this.#closed = true;
    try {
      // A broker without free space does not even answer a close.
      await Promise.race([this.#model.close(), lost, pause(CLOSE_TIMEOUT, undefined, { ref: false })]);
    } catch {
      // The connection was already closed.
    }
  }
}

/** Closes a channel that the broker may already have closed. */
export async function closeQuietly(channel: Channel): Promise<void> {
  try {
    await channel.close();
  } catch {
    // The channel was already closed.
  }
}
