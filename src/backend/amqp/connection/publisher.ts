import type { ConfirmChannel } from 'amqplib';
import type { Publication } from '../wire/publication.ts';
import { ConnectionLost, Unroutable } from './broker-error.ts';

/** Publishes with confirms: every queue that takes the message has it before it is confirmed. */
export class Publisher {
  readonly #channel: ConfirmChannel;
  readonly #returned = new Set<string>();
  #problem: Error | undefined;
  #closed = false;

  constructor(channel: ConfirmChannel) {
    this.#channel = channel;
    // A message that nobody takes is returned first, and confirmed all the same.
    channel.on('return', ({ properties }) => this.#returned.add(String(properties.messageId)));
    channel.on('error', (error: Error) => (this.#problem = error));
    channel.on('close', () => (this.#closed = true));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when the broker has confirmed.
   * @throws Unroutable where no queue takes it; ConnectionLost where nobody will ever know
   */
  publish({ exchange, key, content, options, onSent }: Publication): Promise<void> {
    if (this.#closed) return Promise.reject(this.#problem ?? new ConnectionLost('the channel is closed'));
    return new Promise((resolve, reject) => {
      const done = (error: Error | null) => {
        if (error) reject(this.#problem ?? error);
        else if (this.#returned.delete(options.messageId)) reject(new Unroutable(key));
        else resolve();
      };
      this.#channel.publish(exchange, key, content, { persistent: true, mandatory: true, ...options }, done);
      onSent?.();
    });
  }
}
