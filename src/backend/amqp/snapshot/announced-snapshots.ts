import type { ConsumeMessage } from 'amqplib';
import type { Forms } from '../../../core/log/kind.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import { StreamConsumer } from '../log/reader/stream-consumer.ts';
import { readLogMessage } from '../wire/message/decode.ts';
import type { Snapshot } from '../wire/message/log-body.ts';
import type { Names } from '../wire/names.ts';
import { eventKey, SNAPSHOT } from '../wire/routing-key.ts';
import { offsetOf } from '../wire/stream-offset.ts';

/**
 * The snapshots that coordinators announced in a part of the log, the one with the most content first. The search ends
 * early at the announcement of the snapshot up to the message at `from`: it comes soon, because it was written right
 * after the snapshot. Other messages are not decoded.
 * @param from an offset at which the search begins
 * @param end the offset of a later message in the log, at which the search ends
 */
export async function announcedSnapshots(
  connection: BrokerConnection,
  names: Names,
  { from, end }: { readonly from: number; readonly end: number },
  forms: () => Promise<Forms>,
): Promise<readonly Snapshot[]> {
  const found: Snapshot[] = [];
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {});
  let known: Forms = {};
  const look = (message: ConsumeMessage) => {
    const at = offsetOf(message);
    if (message.fields.routingKey === eventKey(SNAPSHOT)) {
      const entry = readLogMessage(message, names, at, known)(0);
      const snapshot = entry.kind === 'snapshot' ? entry.snapshot : undefined;
      if (snapshot) found.push(snapshot);
      if (snapshot?.last === from) done.resolve();
    }
    if (at >= end) done.resolve();
  };
  const consumer = new StreamConsumer(connection, names.log, {
    load: async () => void (known = await forms()),
    onBatch: (batch) => batch.forEach(look),
    onEnd: (error) => done.reject(error),
  });
  try {
    await consumer.begin(from, () => {});
    await connection.until(done.promise);
    return found.toSorted((a, b) => b.last - a.last);
  } finally {
    consumer.stop();
  }
}
