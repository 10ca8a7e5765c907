import type { Channel, GetMessage } from 'amqplib';
import type { ReconnectingClient } from './reconnecting-client.ts';
import { closeQuietly, type BrokerConnection } from './broker-connection.ts';

/** Messages of a queue that one connection holds. If it ends, the broker delivers them to other connections. */
export class UnackedMessages {
  readonly #connection: BrokerConnection;
  readonly #channel: Channel;
  readonly #messages: readonly GetMessage[];

  constructor(connection: BrokerConnection, channel: Channel, messages: readonly GetMessage[]) {
    this.#connection = connection;
    this.#channel = channel;
    this.#messages = messages;
  }

  /** Acknowledges them: the broker removes them from their queue. @returns false if they were no longer held */
  ack(client: ReconnectingClient): Promise<boolean> {
    return client.withConnection(async (connection) => {
      if (connection !== this.#connection) return false;
      try {
        for (const message of this.#messages) this.#channel.ack(message);
        // The broker processes the requests of one channel in order.
        await this.#channel.close();
        return true;
      } catch (error) {
        if (await connection.isLost(error)) throw error;
        // The broker has closed the channel because they were held too long.
        return false;
      }
    });
  }

  /** Returns them to their queue. */
  requeue(client: ReconnectingClient): Promise<void> {
    return client.withConnection(async (connection) => {
      if (connection === this.#connection) await closeQuietly(this.#channel);
    });
  }
}
