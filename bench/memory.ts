import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { agentq, makeWorkspace } from './agentq.ts';
import { count, type Measure } from './figure.ts';
import { median } from './measure.ts';
import { BenchWorker } from './worker.ts';

/** MiB. */
const BOUND = 75;

/** How long a worker has no task before it counts as idle, in ms. */
const REST = 2_000;

/** The resident memory of a waiting worker: of new ones, and of one that has done many tasks. */
export const memory: Measure = async ({ dir, quick }) => {
  const workspace = makeWorkspace(dir);
  const tasks = quick ? 500 : 10_000;
  const fresh: number[] = [];
  for (let i = 0; i < (quick ? 3 : 15); i++) {
    await using worker = idleWorker();
    await pause(REST);
    fresh.push(residentMemory(worker.pid));
  }

  await using worker = idleWorker();
  const file = join(dir, 'batch.jsonl');
  writeFileSync(file, '{"to":"bench","instructions":"nothing"}\n'.repeat(tasks));
  agentq(workspace, 'submit', '--batch', file);
  await worker.completed(tasks);
  await pause(REST);
  const used = residentMemory(worker.pid);

  const before = median(fresh);
  const bound = `≤ ${BOUND} MiB`;
  return [
    { figure: 'resident memory of an idle work', measured: mib(before), bound, met: before <= BOUND },
    {
      figure: `the same after ${count(tasks)} tasks`,
      measured: mib(used),
      baseline: mib(before),
      ratio: used / before,
      bound,
      met: used <= BOUND,
    },
  ];

  function idleWorker(): BenchWorker {
    return new BenchWorker(workspace, ['--concurrency', '4'], ['true']);
  }
};

const mib = (value: number) => `${value.toFixed(1)} MiB`;

/** In MiB. */
function residentMemory(pid: number): number {
  const kib =
    process.platform === 'linux'
      ? /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]
      : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Number(kib) / 1024;
}
