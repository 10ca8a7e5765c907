import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { prepare } from '../src/app/submit/submit.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import { startProxy } from '../test/broker/tcp-proxy.ts';
import { instructions } from './agentq.ts';
import { BrokerWorkspace } from './broker-workspace.ts';
import { atLeast, type Bench, type Measure, perSecond, type Row } from './figure.ts';
import { alternate, median } from './measure.ts';
import { openServices } from './services.ts';
import { BenchWorker } from './worker.ts';

const BOUND = 1.3;

/** The children that each worker runs at the same time. */
const CONCURRENCY = 4;

/** The gain from more workers on one machine: four workers and one do the same tasks. Each child is `/bin/true`. */
export const amqpWorkers: Measure = async (bench) => {
  const { dir, quick, broker } = bench;
  const tasks = quick ? 120 : 400;
  const rounds = quick ? { counted: 3, warmUp: 1 } : { counted: 9, warmUp: 1 };
  await using one = await Crew.make(join(dir, 'one'), broker, 1);
  await using four = await Crew.make(join(dir, 'four'), broker, 4);
  const measured = await alternate(rounds, { four: () => four.rate(tasks), one: () => one.rate(tasks) });
  const figure = 'AMQP: tasks a second of four workers, to one worker';
  return [
    atLeast(BOUND, figure, median(measured.four), median(measured.one), perSecond),
    await entriesRead(bench, 1, tasks),
    await entriesRead(bench, 4, tasks),
  ];
};

/** How many entries the log gets for each task, and how many of them the broker sends to all workers together. */
async function entriesRead({ dir, broker }: Bench, workers: number, tasks: number): Promise<Row> {
  await using proxy = await startCount(Number(new URL(await broker.url()).port));
  await using crew = await Crew.make(join(dir, `counted-${workers}`), broker, workers, proxy.port);
  await crew.rate(tasks);
  const before = { sent: proxy.delivered, log: crew.end };
  await crew.rate(tasks);
  const share = (value: number) => (value / tasks).toFixed(1);
  const figure = `AMQP: entries read for each task by ${workers} worker${workers > 1 ? 's together' : ''}`;
  const written = `${share(crew.end - before.log)} written`;
  return { figure, measured: share(proxy.delivered - before.sent), baseline: written, bound: 'none', met: true };
}

/** Counts the messages that a broker delivers to consumers. */
async function startCount(port: number): Promise<{ delivered: number; port: number } & AsyncDisposable> {
  const proxy = await startProxy(port);
  const count = { delivered: 0, port: proxy.port, [Symbol.asyncDispose]: () => proxy.close() };
  proxy.onMethod = (direction, method) => {
    if (direction === 'down' && method === 'basic.deliver') count.delivered++;
  };
  return count;
}

/** Workers of one workspace, and a client that gives them tasks. */
export class Crew implements AsyncDisposable {
  readonly #workspace: BrokerWorkspace;
  readonly workers: readonly BenchWorker[];
  #given = 0;

  private constructor(workspace: BrokerWorkspace, workers: readonly BenchWorker[]) {
    this.#workspace = workspace;
    this.workers = workers;
  }

  static async make(folder: string, broker: Bench['broker'], workers: number, port?: number): Promise<Crew> {
    const workspace = await BrokerWorkspace.make(folder, broker);
    const url = new URL(workspace.url);
    if (port !== undefined) url.port = String(port);
    const options = ['--concurrency', String(CONCURRENCY), '--url', url.href];
    const all = Array.from({ length: workers }, () => new BenchWorker(folder, options, ['/bin/true']));
    return new Crew(workspace, all);
  }

  /** The offset of the last entry of the log that the workers have read. */
  get end(): number {
    const dir = join(this.#workspace.folder, '.agentq');
    const caches = readdirSync(dir).filter((name) => /^cache-.*\.db$/.test(name));
    const ends = caches.map((name) => {
      using db = new DatabaseSync(join(dir, name), { readOnly: true });
      return (db.prepare('SELECT last FROM log').get() as { last: number }).last;
    });
    return Math.max(...ends);
  }

  /** @returns tasks a second, from the batch that submits them to the last completion */
  async rate(tasks: number): Promise<number> {
    const services = await openServices(this.#workspace.folder);
    try {
      const submission = parseSubmission({ to: 'bench', from: 'coordinator', instructions });
      const { envelope } = await prepare(services, { submission, allowSecret: false });
      const requests = Array.from({ length: tasks }, () => services.newId()).map((task_id) => ({
        task_id,
        command: { type: 'submit', envelope: { ...envelope, task_id } } as const,
      }));
      this.#given += tasks;
      const before = performance.now();
      await services.backend.commit(requests);
      await BenchWorker.completed(this.workers, this.#given);
      return (tasks * 1_000) / (performance.now() - before);
    } finally {
      await services.backend.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.workers) await worker[Symbol.asyncDispose]();
    await this.#workspace[Symbol.asyncDispose]();
  }
}
