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
 * The snapshot up to the message at an offset, by the entry of the coordinator that announced it: one that follows, and
 * soon, because it was written right after the snapshot. Other messages are not decoded.
 * @param end the offset of a message near the end of the log: the search ends there
 */
export async function announcedSnapshot(
  connection: BrokerConnection,
  names: Names,
  offset: number,
  end: number,
  forms: () => Promise<Forms>,
): Promise<Snapshot | undefined> {
  const found = Promise.withResolvers<Snapshot | undefined>();
  found.promise.catch(() => {});
  let known: Forms = {};
  const look = (message: ConsumeMessage) => {
    const at = offsetOf(message);
    if (message.fields.routingKey === eventKey(SNAPSHOT)) {
      const entry = readLogMessage(message, names, at, known)(0);
      if (entry.kind === 'snapshot' && entry.snapshot?.last === offset) found.resolve(entry.snapshot);
    }
    if (at >= end) found.resolve(undefined);
  };
  const consumer = new StreamConsumer(connection, names.log, {
    load: async () => void (known = await forms()),
    onBatch: (batch) => batch.forEach(look),
    onEnd: (error) => found.reject(error),
  });
  try {
    await consumer.begin(offset, () => {});
    return await connection.until(found.promise);
  } finally {
    consumer.stop();
  }
}
