import { setTimeout as pause } from 'node:timers/promises';
import type { GetMessage } from 'amqplib';
import { ResultMessage } from '../../../../core/result/result-message.ts';
import { isMissing } from '../../connection/broker-error.ts';
import type { ReconnectingClient } from '../../connection/reconnecting-client.ts';
import { COMMON_LIMITS, parseBounded } from '../../wire/message/bounded-json.ts';
import { digestOf } from '../../wire/message/decode.ts';
import { lockOf } from '../../wire/names.ts';
import { monotonic } from '../../connection/monotonic.ts';
import { UnackedMessages } from '../../connection/unacked-messages.ts';
import { closeQuietly, type BrokerConnection } from '../../connection/broker-connection.ts';

/** A result message that waits in its queue. */
export interface Waiting {
  /** The same at every read. */
  readonly id: string;
  /** Undefined for an unreadable message. */
  readonly message: ResultMessage | undefined;
  /** The entry that ended the task, if agentq wrote the message. */
  readonly announces: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content: Buffer;
  /** The SHA-256 of the content. */
  readonly digest: string;
}

/**
 * What happens to a message after it was looked at. `hold`: it is hidden from other readers for now. `stop`: it stays,
 * and so do the messages behind it.
 */
export type Fate = 'take' | 'leave' | 'hold' | 'stop';
export type Look = (waiting: Waiting) => Fate | Promise<Fate>;

/** How long to wait until another process has looked, in ms, and how often to ask. */
const LONGEST_LOOK = 5_000;
const ASK_EVERY = 25;

/** The maximum number of messages that are requested at once. */
const AT_ONCE = 100;

const RESOURCE_LOCKED = 405;

/** The scans of this process, one after another for each queue. */
const looking = new Map<string, Promise<unknown>>();

/**
 * Looks at the messages of a queue, oldest first. Messages that are not removed stay in the queue in their order: they
 * are held unacknowledged during the scan, and then given back. A second process would see an empty queue meanwhile,
 * and so waits.
 * @param begin creates the callback for the messages; called again if the connection is lost and the scan starts again
 * @returns the messages that are still held
 */
export async function scanQueue(
  client: ReconnectingClient,
  queue: string,
  begin: () => Look,
): Promise<UnackedMessages> {
  const before = looking.get(queue) ?? Promise.resolve();
  const mine = before
    .catch(() => {})
    .then(() => client.withConnection((connection) => scanAlone(connection, queue, begin())));
  looking.set(queue, mine);
  return mine.finally(() => looking.get(queue) === mine && looking.delete(queue));
}

async function scanAlone(connection: BrokerConnection, queue: string, look: Look): Promise<UnackedMessages> {
  const unlock = await lock(connection, lockOf(queue));
  const channel = await connection.channel();
  const held: GetMessage[] = [];
  const left: GetMessage[] = [];
  try {
    let isOver = false;
    // A short scan requests few messages that it does not look at.
    for (let count = 1; !isOver; count = Math.min(count * 2, AT_ONCE)) {
      const gets = Array.from({ length: count }, () => channel.get(queue, { noAck: false }));
      const messages = await Promise.all(gets);
      isOver = messages.includes(false);
      let isStopped = false;
      for (const message of messages) {
        if (!message) continue;
        const fate: Fate = isStopped ? 'stop' : await look(read(message));
        if (fate === 'take') channel.ack(message);
        else (fate === 'hold' ? held : left).push(message);
        isStopped = fate === 'stop';
      }
      isOver ||= isStopped;
    }
    if (held.length === 0) return new UnackedMessages(connection, channel, []);
    for (const message of left) channel.nack(message, false, true);
    // The answer confirms that the messages are in the queue again.
    await channel.checkQueue(queue);
    return new UnackedMessages(connection, channel, held);
  } catch (error) {
    held.length = 0;
    // A queue that was never declared holds nothing.
    if (!isMissing(error)) throw error;
    return new UnackedMessages(connection, channel, []);
  } finally {
    if (held.length === 0) await closeQuietly(channel);
    await unlock();
  }
}

/**
 * An exclusive queue belongs to one connection, and is deleted with it: a lock that is released after a crash. Without
 * the permission, or after a timeout, the scan runs without the lock.
 */
async function lock(connection: BrokerConnection, name: string): Promise<() => Promise<void>> {
  for (const end = monotonic() + LONGEST_LOOK; monotonic() < end; await pause(ASK_EVERY)) {
    const channel = await connection.channel();
    try {
      await channel.assertQueue(name, { exclusive: true, durable: false });
    } catch (error) {
      if ((error as { code?: number }).code === RESOURCE_LOCKED) continue;
      break;
    }
    return async () => {
      if (connection.closed) return;
      await channel.deleteQueue(name);
      await channel.close();
    };
  }
  return async () => {};
}

function read({ content, properties }: GetMessage): Waiting {
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const digest = digestOf(content);
  const id = text(properties.messageId) ?? digest;
  return {
    id,
    digest,
    message: parse(content),
    announces: text(headers['agentq-announces']),
    headers,
    content,
  };
}

function parse(content: Buffer): ResultMessage | undefined {
  const parsed = ResultMessage.safeParse(parseBounded(content, undefined, COMMON_LIMITS).json);
  return parsed.success ? parsed.data : undefined;
}
