// node fill-ended.ts WORKSPACE COUNT: publishes the log of COUNT finished tasks in large entries, each with many tasks,
// and the note that the result message of each task was sent. Prints the id of the first task.
import amqplib from 'amqplib';
import { prepare } from '../src/app/submit/submit.ts';
import { parseBrokerUrl } from '../src/backend/amqp/connection/broker-url.ts';
import { Names } from '../src/backend/amqp/wire/names.ts';
import { endingOf, entryTime } from '../src/backend/amqp/wire/entry-id.ts';
import { noteMessage } from '../src/backend/amqp/wire/message/encode.ts';
import type { Publication } from '../src/backend/amqp/wire/message/publication.ts';
import type { Command } from '../src/core/task/decision/command.ts';
import { decide } from '../src/core/task/decision/decide.ts';
import type { Event } from '../src/core/task/event.ts';
import type { Envelope } from '../src/core/envelope/envelope.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import type { Task } from '../src/core/task/task.ts';
import { instructions, summary } from './agentq.ts';
import { openOptions, openServices } from './services.ts';

/** How many tasks are in one entry. */
const TOGETHER = 1_000;

const [folder, count] = process.argv.slice(2);
const services = await openServices(folder!);
const submission = parseSubmission({ to: 'bench', from: 'coordinator', instructions });
const { envelope } = await prepare(services, { submission, allowSecret: false });
const { queue } = await openOptions(folder!);
if (queue.scheme === 'file') throw new Error('its queue is not on a broker');
const names = new Names(parseBrokerUrl(queue.url).prefix);
const connection = await amqplib.connect(queue.url);
const channel = await connection.createConfirmChannel();

let first: string | undefined;
for (let left = Number(count), nth = 0; left > 0; left -= TOGETHER, nth++) {
  const ids = Array.from({ length: Math.min(left, TOGETHER) }, () => services.newId());
  first ??= ids[0];
  const now = services.clock();
  const entry = `${entryTime(now)}-fill-${nth}`;
  const events = ids.flatMap((task_id) => life({ ...envelope, task_id }, now));
  publish(noteMessage(names, entry, now, { events, roles: ['bench'] }));
  for (const [i, id] of ids.entries()) {
    const note = { announced: endingOf(id, entry), role: 'bench' };
    publish(noteMessage(names, `${entry}-${i}`, now, note, { role: 'bench' }));
  }
  await channel.waitForConfirms();
}
await connection.close();
await services.backend.close();
process.stdout.write(first ?? '');

function publish({ exchange, key, content, options }: Publication): void {
  channel.publish(exchange, key, content, { persistent: true, ...options });
}

/** The events of the life of a task. */
function life(envelope: Envelope, now: number): Event[] {
  const commands: readonly Command[] = [
    { type: 'submit', envelope },
    { type: 'claim', worker: 'bench@host', lease: 300_000 },
    { type: 'complete', by: 'bench', attempt: 1, summary, artifacts: [] },
  ];
  let task: Task | undefined;
  return commands.flatMap((command) => {
    const decided = decide(task, command, { now, random: Math.random });
    task = decided.task;
    return decided.events;
  });
}
