import { confirmedAndSeen, notShown, RESEND } from './confirmed-and-seen.ts';
import { ConnectionLost, unbound } from '../connection/broker-error.ts';
import { offsetOf } from '../wire/stream-offset.ts';
import type { Names } from '../wire/names.ts';
import type { Publication } from '../wire/message/publication.ts';
import { closeQuietly, type BrokerConnection } from '../connection/broker-connection.ts';

export interface Appending {
  /** How long to wait for it, in ms. */
  readonly patience: number;
  /** Must resolve before the message is published. */
  readonly ready?: Promise<void>;
  /**
   * Creates a marker, which is published after the message when the message is published again. If the log shows the
   * marker without the message, the message does not reach the log.
   */
  readonly marker?: () => Publication;
}

/**
 * Publishes a message, and resolves when the log has it. For a process that reads nothing else of the log. The broker's
 * confirm alone is not enough: see docs/architecture.md.
 * @returns the offset of the message in the log
 * @throws Unroutable; AgentqError `topology` if the log is not bound to it; `unreachable`
 */
export async function appendAtEnd(
  connection: BrokerConnection,
  names: Names,
  message: Publication,
  { patience, ready, marker }: Appending,
): Promise<number> {
  const { channel, publisher } = await connection.confirmChannel();
  const failed = Promise.withResolvers<never>();
  const seen = Promise.withResolvers<number>();
  let following: Publication | undefined;
  failed.promise.catch(() => {});
  channel.on('error', (error: Error) => failed.reject(error));
  // The broker processes the frames of a channel in order: a message that is published next comes after this request.
  const limited = channel.prefetch(100);
  const consuming = channel.consume(
    names.log,
    (arrived) => {
      if (!arrived) return failed.reject(new ConnectionLost('the broker ended the reading of the log'));
      const { messageId } = arrived.properties as { messageId?: string };
      if (messageId === message.options.messageId) return seen.resolve(offsetOf(arrived));
      if (messageId !== undefined && messageId === following?.options.messageId) failed.reject(unbound(message.key));
      channel.ack(arrived);
    },
    { arguments: { 'x-stream-offset': 'next' } },
  );
  Promise.all([limited, consuming]).catch((error: unknown) => failed.reject(error));
  const either = Promise.race([seen.promise, failed.promise]);
  either.catch(() => {}); // if the message is not published, the caller gets the reason for that
  try {
    await ready;
    let confirmed = false;
    for (let wait = RESEND, left = patience; ; left -= wait, wait *= 2) {
      const published = publisher.publish(message).then(() => void (confirmed = true));
      if (wait > RESEND && marker) {
        following = marker();
        publisher.publish(following).catch(() => {});
      }
      const offset = await confirmedAndSeen(either, published, left > 0 ? Math.min(wait, left) : wait);
      if (offset !== undefined) return offset;
      // Without a confirm, the connection reports the cause.
      if (confirmed && left <= wait) throw notShown();
    }
  } finally {
    void closeQuietly(channel);
  }
}
