import { awaited, notShown, RESEND } from './awaited.ts';
import { ConnectionLost } from './broker-error.ts';
import { offsetOf } from './offset.ts';
import type { Names } from './names.ts';
import type { Outgoing } from './publisher.ts';
import { closeQuietly, type Session } from './session.ts';

/** The longest that it is waited for once, in ms; doubled each time, the waits before add up to as much. */
const LONGEST_WAIT = 8_000;

/**
 * Publishes, and resolves when the log has it, for a process that wants to know of nothing but that. The broker's word
 * alone is not enough: docs/architecture.md.
 * @returns the offset that it has in the log
 */
export async function appendAtEnd(session: Session, names: Names, message: Outgoing): Promise<number> {
  const { channel, publisher } = await session.sole();
  const failed = Promise.withResolvers<never>();
  const seen = Promise.withResolvers<number>();
  failed.promise.catch(() => {});
  channel.on('error', (error: Error) => failed.reject(error));
  await channel.prefetch(100);
  // The broker does what is asked of one channel in order: what is published next comes after it. The driver does not:
  // it asks one thing at a time, and would publish first if it still waited for an answer.
  const consuming = channel.consume(
    names.log,
    (arrived) => {
      if (!arrived) return failed.reject(new ConnectionLost('the broker ended the reading of the log'));
      if (arrived.properties.messageId === message.options.messageId) seen.resolve(offsetOf(arrived));
      else channel.ack(arrived);
    },
    { arguments: { 'x-stream-offset': 'next' } },
  );
  consuming.catch((error: unknown) => failed.reject(error));
  const either = Promise.race([seen.promise, failed.promise]);
  try {
    for (let wait = RESEND; wait <= LONGEST_WAIT; wait *= 2) {
      const offset = await awaited(either, publisher.publish(message), wait);
      if (offset !== undefined) return offset;
    }
    throw notShown();
  } finally {
    void closeQuietly(channel);
  }
}
