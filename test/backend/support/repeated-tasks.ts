import { gunzipSync } from 'node:zlib';
import amqplib from 'amqplib';
import type { Names } from '../../../src/backend/amqp/wire/names.ts';

type Repeat = { readonly task_id: string } | { readonly about: { readonly id: string } };

/** The ids of the tasks and other things that the entries of a log repeat, in log order: one for each repeat. */
export async function repeatedTasks(url: string, names: Names): Promise<readonly string[]> {
  const connection = await amqplib.connect(url);
  try {
    const channel = await connection.createChannel();
    await channel.prefetch(1_000);
    const found: string[] = [];
    const end = Promise.withResolvers<void>();
    const marker = `end-${Math.random()}`;
    await channel.consume(
      names.log,
      (message) => {
        if (!message) return;
        const { content, fields, properties } = message;
        if (/^agentq\.event\.(\w+_)?carried\b/.test(fields.routingKey)) {
          const text = properties.contentEncoding === 'gzip' ? gunzipSync(content) : content;
          const { events } = JSON.parse(text.toString()) as { events: Repeat[] };
          found.push(...events.map((event) => ('about' in event ? event.about.id : event.task_id)));
        }
        if (content.toString() === marker) end.resolve();
        channel.ack(message);
      },
      { arguments: { 'x-stream-offset': 'first' } },
    );
    channel.publish(names.exchange, 'agentq.event.noise', Buffer.from(marker));
    await end.promise;
    return found;
  } finally {
    await connection.close();
  }
}
