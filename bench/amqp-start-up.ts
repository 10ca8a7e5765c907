import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from '../src/app/submit/submit.ts';
import { openBackend } from '../src/backend/open.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import { agentq, instructions } from './agentq.ts';
import { BrokerWorkspace } from './broker-workspace.ts';
import { atMost, type Measure, ms } from './figure.ts';
import { alternate, median, runNode, runProgram } from './measure.ts';
import { openOptions, openServices } from './services.ts';

const SUBMIT = 1.7;
const STATUS = 1.2;

/** The number of new events from other machines. With the submit itself there are fewer than ten. */
const NEW_EVENTS = 8;

/**
 * The cost of each call over a broker. It compares the whole process of a submit with two processes: a C program that
 * publishes the same text, and a Node.js that does nothing. It also compares `status` of one task with that submit.
 */
export const amqpStartUp: Measure = async ({ dir, quick, broker }) => {
  requireTools();
  const url = await broker.url();
  await using workspace = await BrokerWorkspace.make(dir, broker);
  // The same text goes into another durable queue of the same kind.
  await using other = await BrokerWorkspace.make(join(dir, 'bare'), broker);
  const queue = other.names.work('bench');
  const { folder } = workspace;
  await using others = await otherMachine(folder);
  let id = '';
  const rounds = quick ? { counted: 11, warmUp: 2 } : { counted: 41, warmUp: 4 };
  const measured = await alternate(rounds, {
    bare() {
      const published = runProgram('amqp-publish', ['-u', url, '-r', queue, '-p', '-b', instructions], folder);
      return published.ms + runNode(['-e', '0'], folder).ms;
    },
    submit() {
      const { ms, stdout } = agentq(folder, 'submit', '--to', 'bench', '--instructions', instructions);
      id = stdout.trim();
      return ms;
    },
    async status() {
      await others.submit(NEW_EVENTS);
      const { ms, stdout } = agentq(folder, 'status', id);
      if (!stdout.includes('queued')) throw new Error(`${id} is not queued: ${stdout}`);
      return ms;
    },
  });
  const [bare, submit, status] = [median(measured.bare), median(measured.submit), median(measured.status)];
  return [
    atMost(SUBMIT, 'AMQP process: submit, to amqp-publish + node -e 0', submit, bare, ms),
    atMost(STATUS, `AMQP process: status ID, ${NEW_EVENTS + 1} new events, to submit`, status, submit, ms),
  ];
};

/** A client that writes to the same queue and shares no cache with the workspace. */
async function otherMachine(folder: string): Promise<{ submit(tasks: number): Promise<void> } & AsyncDisposable> {
  const dir = join(folder, 'elsewhere');
  mkdirSync(dir);
  const backend = await openBackend({ ...(await openOptions(folder)), dir });
  const opened = await openServices(folder);
  // A connection that is left open would keep the process of the bench alive.
  await opened.backend.close();
  const services = { ...opened, backend };
  const submission = parseSubmission({ to: 'bench', from: 'coordinator', instructions });
  const { envelope } = await prepare(services, { submission, allowSecret: false });
  return {
    async submit(tasks) {
      for (let i = 0; i < tasks; i++) {
        const task_id = services.newId();
        await backend.commit([{ task_id, command: { type: 'submit', envelope: { ...envelope, task_id } } }]);
      }
    },
    [Symbol.asyncDispose]: () => backend.close(),
  };
}

function requireTools(): void {
  if (spawnSync('amqp-publish', ['--help']).error === undefined) return;
  throw new Error(
    'The figures of a broker need amqp-publish, which is not on this machine. Install it with the broker (Debian: ' +
      'apt-get install amqp-tools rabbitmq-server), or measure only other figures, with --only.',
  );
}
