import type { Channel, GetMessage } from 'amqplib';
import type { EventOf } from '../../../core/event.ts';
import { isMissing } from '../connection/broker-error.ts';
import type { Link } from '../connection/reconnecting-client.ts';
import { readToken } from '../wire/decode.ts';
import type { Names } from '../wire/names.ts';
import type { Session } from '../connection/broker-connection.ts';
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
  readonly link: Link;
  readonly names: Names;
  readonly replicated: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** The work queues, one token at a time: what is fetched ahead would be kept from others, and defeat priorities. */
export class WorkQueues {
  readonly #link: Link;
  readonly #names: Names;
  readonly #replicated: boolean;
  readonly #clock: () => number;
  readonly #channels = new WeakMap<Session, Promise<Channel>>();

  constructor({ link, names, replicated, clock }: WorkQueueParts) {
    this.#link = link;
    this.#names = names;
    this.#replicated = replicated;
    this.#clock = clock;
  }

  /** The next token of a role. @throws AgentqError `topology` where nobody has declared the role */
  next(role: string): Promise<Token | undefined> {
    return this.#link.lasting(async (session) => {
      const channel = await this.#channel(session);
      try {
        for (const { queue } of this.#names.workQueues(role, this.#replicated)) {
          const message = await channel.get(queue, { noAck: false });
          if (message) return this.#token(channel, queue, role, message, session);
        }
        return undefined;
      } catch (error) {
        this.#channels.delete(session);
        throw isMissing(error) ? unknownRole(role) : error;
      }
    });
  }

  #token(channel: Channel, queue: string, role: string, message: GetMessage, session: Session): Token {
    return {
      submitted: readToken(message, role, this.#clock()),
      entry: entryOf(message),
      content: message.content,
      queue,
      take() {
        // Where the connection is gone, the token is back in its queue, and whoever gets it sees that it is stale.
        if (session.closed) return;
        settle(() => channel.ack(message));
      },
      back() {
        if (!session.closed) settle(() => channel.nack(message, false, true));
      },
    };
  }

  #channel(session: Session): Promise<Channel> {
    let channel = this.#channels.get(session);
    if (!channel) {
      channel = session.channel();
      this.#channels.set(session, channel);
      channel
        .then((open) => open.on('close', () => this.#channels.delete(session)))
        .catch(() => this.#channels.delete(session));
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
