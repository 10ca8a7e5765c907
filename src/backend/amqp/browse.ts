import type { GetMessage } from 'amqplib';
import { ResultMessage } from '../../core/result-message.ts';
import type { Link } from './link.ts';
import { digestOf, safeJson } from './log-entry.ts';

/** A result message that waits in its queue. */
export interface Waiting {
  /** The same however often it is read. */
  readonly id: string;
  /** Undefined for what nobody can read. */
  readonly message: ResultMessage | undefined;
  /** The entry that ended the task, where the message is ours. */
  readonly announces: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content: Buffer;
  /** The SHA-256 of the content. */
  readonly digest: string;
}

/** What is to become of a message that was looked at; `stop`: it stays, and so do those behind it. */
export type Fate = 'take' | 'leave' | 'stop';

/**
 * Looks at the messages of a queue, oldest first. Those that are not taken out lie there as before, in their order,
 * when it is done: they are held unacknowledged meanwhile, and given back with their channel.
 */
export async function browse(
  link: Link,
  queue: string,
  look: (waiting: Waiting) => Fate | Promise<Fate>,
): Promise<void> {
  await link.lasting(async (session) => {
    const channel = await session.channel();
    try {
      for (;;) {
        const message = await channel.get(queue, { noAck: false });
        if (!message) break;
        const fate = await look(read(message));
        if (fate === 'take') channel.ack(message);
        if (fate === 'stop') break;
      }
    } catch (error) {
      // A queue that nobody has declared holds nothing.
      if ((error as { code?: number }).code === 404) return;
      throw error;
    }
    await channel.close();
  });
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
  const parsed = ResultMessage.safeParse(safeJson(content.toString('utf8')));
  return parsed.success ? parsed.data : undefined;
}
