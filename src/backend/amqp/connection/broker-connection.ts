import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import { ConnectionLost, Unroutable } from './broker-error.ts';
import { Pulse } from './pulse.ts';
import { Publisher } from './publisher.ts';
import type { Publication } from '../wire/publication.ts';

/** How long to wait for the broker to take leave, in ms. */
const FAREWELL = 1_000;

/** One connection, from its beginning to its end, and the channels on it. */
export class BrokerConnection {
  /** Since when there had been none before this one, where there was one: ms since 1970. */
  readonly lostBefore: number | undefined;
  readonly #model: ChannelModel;
  readonly #pulse: Pulse;
  readonly #waiting = new Set<(error: Error) => void>();
  #closed = false;
  #blocked: string | undefined;
  #publisher: Promise<Publisher> | undefined;

  constructor(model: ChannelModel, lostBefore: number | undefined) {
    this.#model = model;
    this.#pulse = new Pulse(model);
    this.lostBefore = lostBefore;
    model.on('blocked', (reason: string) => (this.#blocked = reason));
    model.on('unblocked', () => (this.#blocked = undefined));
    model.on('close', (error?: Error) => {
      this.#closed = true;
      for (const reject of this.#waiting) reject(new ConnectionLost(error?.message ?? 'the connection was closed'));
    });
  }

  /**
   * Waits for something, or for the end of the connection. Not a race with one promise of its end: that would keep
   * every result of a long life.
   * @throws ConnectionLost
   */
  until<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /** Resolves when the connection has gone. */
  get lost(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#model.once('close', () => resolve()));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Grows as long as the broker answers, or takes what waits to be sent. Its heartbeats do not count. */
  get beats(): number {
    return this.#pulse.beats;
  }

  /** Why the broker takes nothing that is published just now; undefined where it does. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  get product(): { readonly name: string; readonly version: string } {
    const { product, version } = this.#model.connection.serverProperties;
    return { name: product, version };
  }

  /** A channel of its own. Whoever opens it must bear that it is closed by the broker. */
  async channel(): Promise<Channel> {
    const channel = await this.#model.createChannel();
    channel.on('error', () => {});
    return channel;
  }

  /** A channel of its own with publisher confirms, for one who reads and publishes in that order. */
  async sole(): Promise<{ readonly channel: Channel; readonly publisher: Publisher }> {
    const channel = await this.#model.createConfirmChannel();
    return { channel, publisher: new Publisher(channel) };
  }

  /**
   * Publishes on a channel that all share. Where the broker closes it, because of what somebody else has published, it
   * is published again, by itself: what has an id does no harm twice.
   * @throws Unroutable; ConnectionLost
   */
  async publish(message: Publication): Promise<void> {
    const shared = await this.#shared();
    try {
      await shared.publish(message);
    } catch (error) {
      if (error instanceof Unroutable || this.#closed || !shared.closed) throw error;
      const { channel, publisher } = await this.sole();
      await publisher.publish(message).finally(() => closeQuietly(channel));
    }
  }

  /** One for all, also for those who ask while it is being opened; a new one where the broker has closed the last. */
  #shared(): Promise<Publisher> {
    if (this.#publisher) return this.#publisher;
    const opening = this.sole().then(({ channel, publisher }) => {
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

  /** Whether an error came from the end of the connection, rather than from what was asked. */
  async isLost(error: unknown): Promise<boolean> {
    if (error instanceof ConnectionLost) return true;
    // A channel hears of the end of its connection a moment before the connection tells.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#closed;
  }

  /** Says goodbye and does not wait for the answer: for one who has nothing out that is not confirmed. */
  async leave(): Promise<void> {
    this.#closed = true;
    this.#model.close().catch(() => {});
    await this.written();
  }

  /** Resolves when what was said has been given to the system: the driver writes a turn later. */
  async written(): Promise<void> {
    for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    const lost = this.lost;
    this.#closed = true;
    try {
      // A broker that has no room left does not even say goodbye.
      await Promise.race([this.#model.close(), lost, pause(FAREWELL, undefined, { ref: false })]);
    } catch {
      // It was gone already.
    }
  }
}

/** Closes a channel that the broker may have closed already. */
export async function closeQuietly(channel: Channel): Promise<void> {
  try {
    await channel.close();
  } catch {
    // So it was.
  }
}
