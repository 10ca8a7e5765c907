// node fill-log.ts WORKSPACE COUNT: publishes the log of COUNT finished tasks, and prints the id of the last one.
import amqplib from 'amqplib';
import { prepare } from '../src/app/submit/submit.ts';
import { parseBrokerUrl } from '../src/backend/amqp/connection/broker-url.ts';
import { Names } from '../src/backend/amqp/wire/names.ts';
import { entryTime } from '../src/backend/amqp/wire/entry-id.ts';
import { noteMessage, submitMessage } from '../src/backend/amqp/wire/message/encode.ts';
import type { Publication } from '../src/backend/amqp/wire/message/publication.ts';
import type { Command } from '../src/core/task/decision/command.ts';
import { decide } from '../src/core/task/decision/decide.ts';
import type { Envelope } from '../src/core/envelope/envelope.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import type { Task } from '../src/core/task/task.ts';
import { instructions, summary } from './agentq.ts';
import { openOptions, openServices } from './services.ts';

/** The maximum number of unconfirmed tasks. */
const AHEAD = 1_000;

const [folder, count] = process.argv.slice(2);
const services = await openServices(folder!);
const submission = parseSubmission({ to: 'bench', from: 'coordinator', instructions });
const { envelope } = await prepare(services, { submission, allowSecret: false });
const { queue } = await openOptions(folder!);
if (queue.scheme === 'file') throw new Error('its queue is not on a broker');
const { url } = queue;
const names = new Names(parseBrokerUrl(url).prefix);
const connection = await amqplib.connect(url);
const channel = await connection.createConfirmChannel();

let task_id = '';
for (let left = Number(count); left > 0; left--) {
  task_id = services.newId();
  for (const { exchange, key, content, options } of life({ ...envelope, task_id })) {
    channel.publish(exchange, key, content, { persistent: true, ...options });
  }
  if (left % AHEAD === 0) await channel.waitForConfirms();
}
await channel.waitForConfirms();
await connection.close();
await services.backend.close();
process.stdout.write(task_id);

/** The entries of the life of a task, as the backend writes them. */
function* life(envelope: Envelope): Generator<Publication> {
  const commands: readonly Command[] = [
    { type: 'submit', envelope },
    { type: 'claim', worker: 'bench@host', lease: 300_000 },
    { type: 'complete', by: 'bench', attempt: 1, summary, artifacts: [] },
  ];
  let task: Task | undefined;
  for (const [i, command] of commands.entries()) {
    const now = services.clock();
    const decided = decide(task, command, { now, random: Math.random });
    const [event] = decided.events;
    task = decided.task;
    const id = `${entryTime(now)}-${envelope.task_id}-${i}`;
    yield event?.type === 'submitted'
      ? submitMessage(names, id, event, event.at)
      : noteMessage(names, id, now, { events: [...decided.events], roles: ['bench'] });
  }
}
