import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentq } from './agentq.ts';
import { BrokerWorkspace } from './broker-workspace.ts';
import { count, type Measure, type Row } from './figure.ts';
import { alternate, median, runNode } from './measure.ts';

/** The bound in ms, for a million tasks. */
const BOUND = 5_000;

/** How many finished tasks the log has. The broker and the first reader need minutes for a million. */
const TASKS = Number(process.env['AGENTQ_BENCH_TASKS'] ?? 100_000);

/** How long the first command of a new machine takes on a log with a snapshot: the overview, and an old task. */
export const amqpSnapshot: Measure = async ({ dir, quick, broker }) => {
  await using workspace = await BrokerWorkspace.make(dir, broker);
  const { folder } = workspace;
  const tasks = quick ? 4_000 : TASKS;
  const id = runNode([fileURLToPath(new URL('fill-ended.ts', import.meta.url)), folder, String(tasks)], folder).stdout;
  const { ms: whole } = agentq(folder, 'status');
  agentq(folder, 'snapshot');
  const onNewMachine = (...args: readonly string[]) => {
    const own = join(folder, '.agentq');
    for (const name of readdirSync(own)) if (name.startsWith('cache-')) rmSync(join(own, name));
    const { ms, stdout } = agentq(folder, ...args);
    if (!stdout.includes('completed')) throw new Error(`no task is completed: ${stdout}`);
    return ms;
  };
  const times = await alternate(
    { counted: quick ? 2 : 5, warmUp: 0 },
    { overview: () => onNewMachine('status', '--json'), old: () => onNewMachine('status', id) },
  );
  return Object.entries({ 'the overview': times.overview, 'an old task': times.old }).map(([what, measured]): Row => {
    const time = median(measured);
    return {
      figure: `AMQP: first command of a new machine, ${count(tasks)} finished tasks, ${what}`,
      measured: `${(time / 1_000).toFixed(2)} s`,
      baseline: `${(whole / 1_000).toFixed(1)} s`,
      ratio: time / whole,
      bound: `≤ ${BOUND / 1_000} s`,
      met: time <= BOUND,
    };
  });
};
