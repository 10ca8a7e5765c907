import type { Channel, GetMessage } from 'amqplib';
import type { ReconnectingClient } from './reconnecting-client.ts';
import { closeQuietly, type BrokerConnection } from './broker-connection.ts';

/** Messages of a queue in the hands of one connection. Should it end, the broker gives them to others. */
export class UnackedMessages {
  readonly #connection: BrokerConnection;
  readonly #channel: Channel;
  readonly #messages: readonly GetMessage[];

  constructor(connection: BrokerConnection, channel: Channel, messages: readonly GetMessage[]) {
    this.#connection = connection;
    this.#channel = channel;
    this.#messages = messages;
  }

  /** Takes them out of their queue. @returns false where they were not held any more */
  take(client: ReconnectingClient): Promise<boolean> {
    return client.withConnection(async (connection) => {
      if (connection !== this.#connection) return false;
      try {
        for (const message of this.#messages) this.#channel.ack(message);
        // The broker does what is asked of one channel in order.
        await this.#channel.close();
        return true;
      } catch (error) {
        if (await connection.isLost(error)) throw error;
        // The broker has closed the channel, for they were held for too long.
        return false;
      }
    });
  }

  /** Gives them back to their queue. */
  release(client: ReconnectingClient): Promise<void> {
    return client.withConnection(async (connection) => {
      if (connection === this.#connection) await closeQuietly(this.#channel);
    });
  }
}
