import { setTimeout as pause } from 'node:timers/promises';
import type { Names } from './names.ts';
import type { Outgoing } from './publisher.ts';
import type { Session } from './session.ts';

/** How long to wait until what was confirmed comes by in the log, before it is published again, in ms. */
const RESEND = 2_000;

/** The end of the log, for a process that wants to know of nothing but what it appends itself. */
export const Tail = {
  /** Publishes, and resolves when the log has it. The broker's word alone is not enough: see docs/architecture.md. */
  async append(session: Session, names: Names, message: Outgoing): Promise<true> {
    const [channel, publisher] = await Promise.all([session.channel(), session.publisher()]);
    const failed = Promise.withResolvers<never>();
    const seen = Promise.withResolvers<true>();
    failed.promise.catch(() => {});
    channel.on('error', (error: Error) => failed.reject(error));
    channel.prefetch(100).catch(() => {});
    await channel.consume(
      names.log,
      (arrived) => {
        if (!arrived) return failed.reject(new Error('the broker ended the reading of the log'));
        if (arrived.properties.messageId === message.options.messageId) seen.resolve(true);
        else channel.ack(arrived);
      },
      { arguments: { 'x-stream-offset': 'next' } },
    );
    for (let wait = RESEND; ; wait *= 2) {
      await publisher.publish(message);
      const end = new AbortController();
      const arrived = await Promise.race([
        seen.promise,
        failed.promise,
        pause(wait, false, { signal: end.signal }),
      ]).finally(() => end.abort());
      if (!arrived) continue;
      channel.close().catch(() => {});
      return true;
    }
  },
};
