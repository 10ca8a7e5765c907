import { join } from 'node:path';
import amqplib from 'amqplib';
import type { Names } from '../src/backend/amqp/wire/names.ts';
import { eventKey, workKey } from '../src/backend/amqp/wire/routing-key.ts';
import { instructions, summary } from './agentq.ts';
import { BrokerWorkspace } from './broker-workspace.ts';
import { rate, runTask } from './cycles.ts';
import { atLeast, type Measure, perSecond } from './figure.ts';
import { alternate, median } from './measure.ts';
import { openServices } from './services.ts';

const BOUND = 0.5;

/** The cycles of a round. There are enough of them that one slow confirm does not dominate. */
const CYCLES = 100;

/**
 * The cost of the queue beyond publishing with the same safety: complete lives of tasks, one after another,
 * against a bare loop of the same publishes, each confirmed before the next.
 */
export const amqpCycles: Measure = async ({ dir, quick, broker }) => {
  await using workspace = await BrokerWorkspace.make(dir, broker);
  await using other = await BrokerWorkspace.make(join(dir, 'bare'), broker);
  const services = await openServices(workspace.folder);
  const bare = await openBare(await broker.url(), other.names);
  const rounds = quick ? { counted: 7, warmUp: 1 } : { counted: 21, warmUp: 2 };
  try {
    const measured = await alternate(rounds, {
      agentq: () => rate(() => runTask(services), CYCLES),
      bare: () => rate(bare.cycle, CYCLES),
    });
    const figure = 'AMQP: submit+claim+complete in process, to 5 bare publishes, get and ack';
    return [atLeast(BOUND, figure, median(measured.agentq), median(measured.bare), perSecond)];
  } finally {
    await bare.close();
    await services.backend.close();
  }
};

/**
 * Uses only the driver, on the same exchange, queues and log under other names. Publishes the messages of the life of a
 * task: the submit, into work queue and log; the claim; the note with which `complete` finds the end of the log; the
 * completion; and the result message, into the results queue and the log.
 */
async function openBare(
  url: string,
  names: Names,
): Promise<{ cycle: () => Promise<void>; close: () => Promise<void> }> {
  const connection = await amqplib.connect(url, { noDelay: true });
  const out = await connection.createConfirmChannel();
  const work = await connection.createChannel();
  const [long, short] = [Buffer.from(instructions), Buffer.from(summary)];
  const publish = (key: string, content: Buffer) =>
    new Promise<void>((resolve, reject) => {
      const options = { persistent: true, mandatory: true };
      out.publish(names.exchange, key, content, options, (error: Error | null) => (error ? reject(error) : resolve()));
    });
  return {
    async cycle() {
      await publish(workKey('bench', 'normal'), long);
      const token = await work.get(names.work('bench'), { noAck: false });
      if (!token) throw new Error('a confirmed message is not in the queue');
      await publish(eventKey('claimed.bench'), short);
      work.ack(token);
      await publish(eventKey('note'), short);
      await publish(eventKey('completed.bench'), short);
      await publish('results.coordinator', short);
    },
    close: () => connection.close(),
  };
}
