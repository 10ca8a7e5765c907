import type { Channel, GetMessage } from 'amqplib';
import type { EventOf } from '../../../core/task/event.ts';
import { isMissing } from '../connection/broker-error.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { readToken } from '../wire/decode.ts';
import type { Names } from '../wire/names.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import { unknownRole } from './submit-rules.ts';

/** A message of a work queue, in the hands of this process alone until it is taken out, or its connection ends. */
export interface Token {
  /** The submit that it stands for; undefined where it is not readable. */
  readonly submitted: EventOf<'submitted'> | undefined;
  /** The entry of the log that it is, or should be, where it is one of ours. */
  readonly entry: string | undefined;
  readonly content: Buffer;
  readonly queue: string;
  /** Takes it out of the queue for good. */
  readonly take: () => void;
  /** Gives it back. */
  readonly back: () => void;
}

export interface WorkQueueParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly replicated: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** The work queues, one token at a time: what is fetched ahead would be kept from others, and defeat priorities. */
export class WorkQueues {
  readonly #client: ReconnectingClient;
  readonly #names: Names;
  readonly #replicated: boolean;
  readonly #clock: () => number;
  readonly #channels = new WeakMap<BrokerConnection, Promise<Channel>>();

  constructor({ client, names, replicated, clock }: WorkQueueParts) {
    this.#client = client;
    this.#names = names;
    this.#replicated = replicated;
    this.#clock = clock;
  }

  /** The next token of a role. @throws AgentqError `topology` where nobody has declared the role */
  next(role: string): Promise<Token | undefined> {
    return this.#client.withConnection(async (connection) => {
      const channel = await this.#channel(connection);
      try {
        for (const { queue } of this.#names.workQueues(role, this.#replicated)) {
          const message = await channel.get(queue, { noAck: false });
          if (message) return this.#token(channel, queue, role, message, connection);
        }
        return undefined;
      } catch (error) {
        this.#channels.delete(connection);
        throw isMissing(error) ? unknownRole(role) : error;
      }
    });
  }

  #token(channel: Channel, queue: string, role: string, message: GetMessage, connection: BrokerConnection): Token {
    return {
      submitted: readToken(message, role, this.#clock()),
      entry: entryOf(message),
      content: message.content,
      queue,
      take() {
        // Where the connection is gone, the token is back in its queue, and whoever gets it sees that it is stale.
        if (connection.closed) return;
        settle(() => channel.ack(message));
      },
      back() {
        if (!connection.closed) settle(() => channel.nack(message, false, true));
      },
    };
  }

  #channel(connection: BrokerConnection): Promise<Channel> {
    let channel = this.#channels.get(connection);
    if (!channel) {
      channel = connection.channel();
      this.#channels.set(connection, channel);
      channel
        .then((open) => open.on('close', () => this.#channels.delete(connection)))
        .catch(() => this.#channels.delete(connection));
    }
    return channel;
  }
}

/** On a channel that the broker has closed there is nothing to settle: what it held is back in its queue. */
function settle(say: () => void): void {
  try {
    say();
  } catch {
    // So it is.
  }
}

function entryOf({ properties }: GetMessage): string | undefined {
  const ours = properties.headers?.['agentq-version'] !== undefined;
  return ours && typeof properties.messageId === 'string' ? properties.messageId : undefined;
}
