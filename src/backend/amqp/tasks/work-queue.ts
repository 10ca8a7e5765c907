import type { Channel, GetMessage } from 'amqplib';
import type { EventOf } from '../../../core/task/event.ts';
import { isMissing } from '../connection/broker-error.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { readToken } from '../wire/message/decode.ts';
import type { Names } from '../wire/names.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import { unknownRole } from './submit-rules.ts';

/** A message of a work queue that only this process holds until it is removed, or its connection ends. */
export interface Token {
  /** The submit that it contains; undefined if it is unreadable. */
  readonly submitted: EventOf<'submitted'> | undefined;
  /** The entry of the log that it is, or should be, if agentq wrote it. */
  readonly entry: string | undefined;
  readonly content: Buffer;
  readonly queue: string;
  /** Removes it from the queue for good. */
  readonly take: () => void;
  /** Returns it to the queue. */
  readonly back: () => void;
}

export interface WorkQueueParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly replicated: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
}

/**
 * The work queues, one token at a time: a prefetched token would be hidden from other workers, and bypass priorities.
 */
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

  /** The next token of a role. @throws AgentqError `topology` if the role is not declared */
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
        // If the connection is lost, the token is back in its queue, and the worker that gets it finds it stale.
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

/** On a channel that the broker has closed there is nothing to settle: its messages are back in their queue. */
function settle(say: () => void): void {
  try {
    say();
  } catch {
    // The channel was closed.
  }
}

function entryOf({ properties }: GetMessage): string | undefined {
  const isFromAgentq = properties.headers?.['agentq-version'] !== undefined;
  return isFromAgentq && typeof properties.messageId === 'string' ? properties.messageId : undefined;
}
