import type { Channel, ChannelModel } from 'amqplib';
import { ConnectionLost } from './broker-error.ts';
import { Publisher } from './publisher.ts';

/** One connection, from its beginning to its end, and the channels on it. */
export class Session {
  /** Rejects with ConnectionLost when the connection has gone. */
  readonly lost: Promise<never>;
  /** Since when there had been none before this one, where there was one: ms since 1970. */
  readonly lostBefore: number | undefined;
  /** ms since 1970. */
  readonly openedAt: number;
  readonly #model: ChannelModel;
  #closed = false;
  #publisher: Promise<Publisher> | undefined;

  constructor(model: ChannelModel, lostBefore: number | undefined, openedAt: number) {
    this.openedAt = openedAt;
    this.#model = model;
    this.lostBefore = lostBefore;
    const gone = Promise.withResolvers<never>();
    this.lost = gone.promise;
    this.lost.catch(() => {});
    model.on('close', (error?: Error) => {
      this.#closed = true;
      gone.reject(new ConnectionLost(error?.message ?? 'the connection was closed'));
    });
  }

  get closed(): boolean {
    return this.#closed;
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

  /** A channel with publisher confirms, shared by all who publish; a new one where the broker closed the last. */
  async publisher(): Promise<Publisher> {
    const open = await this.#publisher;
    if (open && !open.closed) return open;
    this.#publisher = this.#model.createConfirmChannel().then((channel) => new Publisher(channel));
    return this.#publisher;
  }

  /** Whether an error came from the end of the connection, rather than from what was asked. */
  async isLost(error: unknown): Promise<boolean> {
    if (error instanceof ConnectionLost) return true;
    // A channel hears of the end of its connection a moment before the connection tells.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      await Promise.race([this.#model.close(), this.lost]);
    } catch {
      // It was gone already.
    }
  }
}
