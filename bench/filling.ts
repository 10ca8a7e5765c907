import amqplib from 'amqplib';
import { prepare } from '../src/app/submit/submit.ts';
import type { Services } from '../src/app/workspace/services.ts';
import { parseBrokerUrl } from '../src/backend/amqp/connection/broker-url.ts';
import type { Publication } from '../src/backend/amqp/wire/message/publication.ts';
import { Names } from '../src/backend/amqp/wire/names.ts';
import type { Envelope } from '../src/core/envelope/envelope.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import type { Command } from '../src/core/task/decision/command.ts';
import { decide } from '../src/core/task/decision/decide.ts';
import type { Event } from '../src/core/task/event.ts';
import type { Task } from '../src/core/task/task.ts';
import { instructions, summary } from './agentq.ts';
import { openOptions, openServices } from './services.ts';

/** What a script needs that fills a workspace with finished tasks. */
export interface Filling {
  readonly services: Services;
  /** The envelope of every task, except its id. */
  readonly envelope: Envelope;
}

export async function openFilling(folder: string): Promise<Filling> {
  const services = await openServices(folder);
  const submission = parseSubmission({ to: 'bench', from: 'coordinator', instructions });
  const { envelope } = await prepare(services, { submission, allowSecret: false });
  return { services, envelope };
}

/** The commands of the life of a task. */
export function commandsOf(envelope: Envelope): readonly Command[] {
  return [
    { type: 'submit', envelope },
    { type: 'claim', worker: 'bench@host', lease: 300_000 },
    { type: 'complete', by: 'bench', attempt: 1, summary, artifacts: [] },
  ];
}

/** The events of each command of the life of a task. @param clock ms since 1970 */
export function* eventsOf(envelope: Envelope, clock: () => number): Generator<readonly Event[]> {
  let task: Task | undefined;
  for (const command of commandsOf(envelope)) {
    const decided = decide(task, command, { now: clock(), random: Math.random });
    task = decided.task;
    yield decided.events;
  }
}

/** The log of a workspace whose queue is on a broker, and a channel with confirms to it. */
export async function openLog(folder: string) {
  const { queue } = await openOptions(folder);
  if (queue.scheme === 'file') throw new Error('its queue is not on a broker');
  const connection = await amqplib.connect(queue.url);
  const channel = await connection.createConfirmChannel();
  return {
    names: new Names(parseBrokerUrl(queue.url).prefix),
    publish: ({ exchange, key, content, options }: Publication) =>
      void channel.publish(exchange, key, content, { persistent: true, ...options }),
    confirmed: () => channel.waitForConfirms(),
    close: () => connection.close(),
  };
}
