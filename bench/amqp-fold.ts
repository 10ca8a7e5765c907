import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentq } from './agentq.ts';
import { BrokerWorkspace } from './broker-workspace.ts';
import { count, type Measure, perSecond } from './figure.ts';
import { alternate, median, runNode } from './measure.ts';

const BOUND = 20_000;

/** The events of each finished task: submitted, claimed, completed. */
const EVENTS = 3;

/** How long a new machine takes to read the log: the whole process of its first question about a task. */
export const amqpFold: Measure = async ({ dir, quick, broker }) => {
  await using workspace = await BrokerWorkspace.make(dir, broker);
  const { folder } = workspace;
  const tasks = quick ? 4_000 : 20_000;
  const last = fill(folder, tasks);
  const events = tasks * EVENTS;
  const { cold } = await alternate(
    { counted: quick ? 3 : 7, warmUp: 1 },
    {
      cold() {
        forget(join(folder, '.agentq'));
        const { ms, stdout } = agentq(folder, 'status', last);
        if (!stdout.includes('completed')) throw new Error(`${last} is not completed: ${stdout}`);
        return ms;
      },
    },
  );
  const speed = (events * 1_000) / median(cold);
  const figure = `AMQP: ${count(events)} events into an empty cache`;
  return [{ figure, measured: perSecond(speed), bound: `≥ ${perSecond(BOUND)}`, met: speed >= BOUND }];
};

/** @returns the id of the last task */
function fill(folder: string, tasks: number): string {
  return runNode([fileURLToPath(new URL('fill-log.ts', import.meta.url)), folder, String(tasks)], folder).stdout;
}

function forget(dir: string): void {
  for (const name of readdirSync(dir)) if (name.startsWith('cache-')) rmSync(join(dir, name));
}
