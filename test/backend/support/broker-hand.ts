import amqplib, { type ConfirmChannel, type Options } from 'amqplib';
import { onTestFinished } from 'vitest';
import type { AmqpHarness } from './amqp-harness.ts';

/** A message as it lies in a queue. */
export interface Lying {
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: Options.Publish;
  readonly content: Buffer;
}

/** Somebody who speaks AMQP to the broker without agentq: a worker of another make, an operator, or a vandal. */
export class BrokerHand {
  readonly #channel: ConfirmChannel;

  private constructor(channel: ConfirmChannel) {
    this.#channel = channel;
  }

  static async of({ url }: Pick<AmqpHarness, 'url'>): Promise<BrokerHand> {
    const plain = new URL(url);
    plain.search = '';
    const connection = await amqplib.connect(plain.href);
    onTestFinished(() => connection.close());
    return new BrokerHand(await connection.createConfirmChannel());
  }

  /** Resolves when the broker has it. */
  async publish(exchange: string, key: string, body: unknown, options: Options.Publish = {}): Promise<void> {
    const content = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    this.#channel.publish(exchange, key, content, { persistent: true, ...options });
    await this.#channel.waitForConfirms();
  }

  /** Puts it into one queue, past everybody else. */
  put(queue: string, body: unknown, options?: Options.Publish): Promise<void> {
    return this.publish('', queue, body, options);
  }

  /** How many messages lie in the queue and are in nobody's hands. */
  async count(queue: string): Promise<number> {
    return (await this.#channel.checkQueue(queue)).messageCount;
  }

  async purge(queue: string): Promise<void> {
    await this.#channel.purgeQueue(queue);
  }

  async delete(queue: string): Promise<void> {
    await this.#channel.deleteQueue(queue);
  }

  /** What lies in the queue, which stays there, in its order. */
  async look(queue: string): Promise<readonly Lying[]> {
    const found: Lying[] = [];
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
