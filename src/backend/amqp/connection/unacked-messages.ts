import type { Channel, GetMessage } from 'amqplib';
import type { Link } from './reconnecting-client.ts';
import { closeQuietly, type Session } from './broker-connection.ts';

/** Messages of a queue in the hands of one connection. Should it end, the broker gives them to others. */
export class Held {
  readonly #session: Session;
  readonly #channel: Channel;
  readonly #messages: readonly GetMessage[];

  constructor(session: Session, channel: Channel, messages: readonly GetMessage[]) {
    this.#session = session;
    this.#channel = channel;
    this.#messages = messages;
  }

  /** Takes them out of their queue. @returns false where they were not held any more */
  take(link: Link): Promise<boolean> {
    return link.lasting(async (session) => {
      if (session !== this.#session) return false;
      try {
        for (const message of this.#messages) this.#channel.ack(message);
        // The broker does what is asked of one channel in order.
        await this.#channel.close();
        return true;
      } catch (error) {
        if (await session.isLost(error)) throw error;
        // The broker has closed the channel, for they were held for too long.
        return false;
      }
    });
  }

  /** Gives them back to their queue. */
  release(link: Link): Promise<void> {
    return link.lasting(async (session) => {
      if (session === this.#session) await closeQuietly(this.#channel);
    });
  }
}
