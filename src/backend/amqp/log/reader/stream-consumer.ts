import type { Channel, ConsumeMessage } from 'amqplib';
import { closeQuietly, type BrokerConnection } from '../../connection/broker-connection.ts';
import { ConnectionLost } from '../../connection/broker-error.ts';
import { monotonic } from '../../connection/monotonic.ts';

/** How many unacknowledged messages the broker sends. */
const AHEAD = 2_000;

/** The longest delay of an acknowledgement, in ms: a broker closes a channel that has waited half an hour for one. */
const ACKNOWLEDGE_AFTER = 1_000;

export interface Consuming {
  /** Loads the modules that {@link onBatch} needs, while the broker searches for the offset. */
  readonly load: () => Promise<void>;
  /** Takes all messages that have arrived, in order. */
  readonly onBatch: (batch: readonly ConsumeMessage[]) => void;
  /** Called once when no more messages come. */
  readonly onEnd: (error: unknown) => void;
}

/** Reads a stream queue on its own channel of a connection. */
export class StreamConsumer {
  readonly #connection: BrokerConnection;
  readonly #queue: string;
  readonly #consuming: Consuming;
  /** Messages of any other channel are dropped. */
  #channel: Channel | undefined;
  #isLoaded = false;
  #heardAt = monotonic();
  #batch: ConsumeMessage[] = [];
  /** The number of messages since the last acknowledgement, and the last of them. */
  #unacknowledged = 0;
  #latest: ConsumeMessage | undefined;
  #soon: NodeJS.Timeout | undefined;

  constructor(connection: BrokerConnection, queue: string, consuming: Consuming) {
    this.#connection = connection;
    this.#queue = queue;
    this.#consuming = consuming;
  }

  /** The time since the last message, in ms. */
  get silence(): number {
    return monotonic() - this.#heardAt;
  }

  /**
   * Begins at an offset, even if other messages were read before. Resolves when the broker has begun to send.
   * @param onOpen called before the first message, and after the last one of an earlier beginning
   */
  async begin(from: number | 'first', onOpen: () => void): Promise<void> {
    this.stop();
    const channel = await this.#connection.channel();
    this.stop();
    this.#channel = channel;
    this.#latest = undefined;
    onOpen();
    channel.on('error', (error: Error) => this.#end(channel, error));
    try {
      await this.#consume(channel, from);
    } catch (error) {
      // If the consumer has begun again meanwhile, the error is the end of the old channel.
      if (channel === this.#channel) throw error;
    }
  }

  async #consume(channel: Channel, from: number | 'first'): Promise<void> {
    const limited = channel.prefetch(AHEAD);
    const consumed = channel.consume(this.#queue, (message) => this.#take(channel, message), {
      arguments: { 'x-stream-offset': from },
    });
    const begun = Promise.all([limited, consumed]);
    begun.catch(() => {});
    await this.#connection.written();
    if (!this.#isLoaded) await this.#consuming.load();
    this.#isLoaded = true;
    this.#digest(channel);
    await begun;
  }

  stop(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#batch = [];
    if (channel && !this.#connection.closed) void closeQuietly(channel);
  }

  #end(channel: Channel, error: unknown): void {
    if (channel !== this.#channel) return;
    this.stop();
    this.#consuming.onEnd(error);
  }

  #take(channel: Channel, message: ConsumeMessage | null): void {
    if (channel !== this.#channel) return;
    this.#heardAt = monotonic();
    if (!message) return this.#end(channel, new ConnectionLost('the broker ended the reading of the log'));
    if (this.#batch.length === 0 && this.#isLoaded) setImmediate(() => this.#digest(channel));
    this.#batch.push(message);
  }

  #digest(channel: Channel): void {
    if (channel !== this.#channel || this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    try {
      this.#consuming.onBatch(batch);
    } catch (error) {
      return this.#end(channel, error);
    }
    this.#unacknowledged += batch.length;
    this.#latest = batch.at(-1)!;
    // LavinMQ leaves Nagle's algorithm on: the confirm that follows a message is delayed by 40 ms unless the client
    // sends something.
    const atOnce = this.#connection.product.name === 'LavinMQ';
    if (atOnce || this.#unacknowledged >= AHEAD / 4) this.#acknowledge(channel);
    else this.#soon ??= setTimeout(() => this.#acknowledge(channel), ACKNOWLEDGE_AFTER).unref();
  }

  /** The broker sends more after an acknowledgement. A lost connection can be ignored here. */
  #acknowledge(channel: Channel): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#unacknowledged = 0;
    if (channel === this.#channel && this.#latest && !this.#connection.closed) channel.ack(this.#latest, true);
  }
}
