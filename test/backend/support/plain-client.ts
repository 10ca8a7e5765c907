import amqplib, { type ConfirmChannel, type Options } from 'amqplib';
import { onTestFinished } from 'vitest';
import type { AmqpHarness } from './amqp-harness.ts';

/** A message in a queue. */
export interface QueuedMessage {
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: Options.Publish;
  readonly content: Buffer;
}

/** An AMQP client without agentq: it acts as a third-party worker, an operator or an attacker. */
export class PlainClient {
  readonly #channel: ConfirmChannel;

  private constructor(channel: ConfirmChannel) {
    this.#channel = channel;
  }

  static async of({ url }: Pick<AmqpHarness, 'url'>): Promise<PlainClient> {
    const plain = new URL(url);
    plain.search = '';
    const connection = await amqplib.connect(plain.href);
    onTestFinished(() => connection.close());
    return new PlainClient(await connection.createConfirmChannel());
  }

  /** Resolves when the broker has confirmed the message. */
  async publish(exchange: string, key: string, body: unknown, options: Options.Publish = {}): Promise<void> {
    const content = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    this.#channel.publish(exchange, key, content, { persistent: true, ...options });
    await this.#channel.waitForConfirms();
  }

  /** Publishes directly to one queue. */
  put(queue: string, body: unknown, options?: Options.Publish): Promise<void> {
    return this.publish('', queue, body, options);
  }

  /** The number of messages in the queue, without those that were delivered and not yet acknowledged. */
  async count(queue: string): Promise<number> {
    return (await this.#channel.checkQueue(queue)).messageCount;
  }

  async purge(queue: string): Promise<void> {
    await this.#channel.purgeQueue(queue);
  }

  async delete(queue: string): Promise<void> {
    await this.#channel.deleteQueue(queue);
  }

  /** The messages in the queue, in order. They stay in the queue. */
  async peek(queue: string): Promise<readonly QueuedMessage[]> {
    const found: QueuedMessage[] = [];
    let last;
    for (;;) {
      const message = await this.#channel.get(queue, { noAck: false });
      if (!message) break;
      last = message;
      const { content, properties } = message;
      found.push({
        text: content.toString('utf8'),
        content,
        properties: properties,
        headers: properties.headers ?? {},
      });
    }
    if (last) this.#channel.nack(last, true, true);
    return found;
  }
}
