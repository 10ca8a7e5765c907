import type { Channel } from 'amqplib';
import type { Publication } from '../wire/message/publication.ts';
import { ConnectionLost, Unroutable } from './broker-error.ts';

/** The driver's types contain this only for its own channels with confirms. */
interface ConfirmingChannel extends Channel {
  pushConfirmCallback: (done: (error: Error | null) => void) => void;
}

/** Publishes with confirms: before the confirm, every queue that accepts the message has it. */
export class Publisher {
  readonly #channel: ConfirmingChannel;
  readonly #returned = new Set<string>();
  #problem: Error | undefined;
  #closed = false;

  /** @param channel has selected confirms, and published nothing */
  constructor(channel: Channel) {
    this.#channel = channel as ConfirmingChannel;
    // A message that no queue accepts is returned first, and then still confirmed.
    channel.on('return', ({ properties }) => this.#returned.add(String(properties.messageId)));
    channel.on('error', (error: Error) => (this.#problem = error));
    channel.on('close', () => (this.#closed = true));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when the broker has confirmed.
   * @throws Unroutable if no queue accepts it; ConnectionLost if the outcome can never be known
   */
  publish({ exchange, key, content, options, onSent }: Publication): Promise<void> {
    if (this.#closed) return Promise.reject(this.#problem ?? new ConnectionLost('the channel is closed'));
    return new Promise((resolve, reject) => {
      const done = (error: Error | null) => {
        if (error) reject(this.#problem ?? error);
        else if (this.#returned.delete(options.messageId)) reject(new Unroutable(key));
        else resolve();
      };
      this.#channel.publish(exchange, key, content, { persistent: true, mandatory: true, ...options });
      this.#channel.pushConfirmCallback(done);
      onSent?.();
    });
  }
}
