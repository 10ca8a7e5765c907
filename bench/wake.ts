import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { resultPath } from '../src/app/evidence/evidence-paths.ts';
import { agentq, instructions, makeWorkspace } from './agentq.ts';
import { type Measure, ms, type Row } from './figure.ts';
import { percentile } from './measure.ts';
import { BenchWorker } from './worker.ts';

const P50 = 15;
const P99 = 60;

/** How many first tasks are not measured. They fill caches, and start what a worker starts with its first child. */
const WARM_UP = 5;

/** How long the worker is idle before a task, in ms. It varies, so that it is not in phase with a timer. */
const rest = () => 100 + Math.random() * 100;

export const wake: Measure = async ({ dir, quick }) => {
  const samples = quick ? 50 : 300;
  const latencies = await wakings(makeWorkspace(dir), samples);
  return [
    wakeRow(`return of submit to start of the child date, p50 of ${samples}`, P50, percentile(latencies, 0.5)),
    wakeRow('the same, p99', P99, percentile(latencies, 0.99)),
  ];
};

export function wakeRow(figure: string, bound: number, value: number): Row {
  return { figure, measured: ms(value), bound: `≤ ${bound} ms`, met: value <= bound };
}

/**
 * Measures from the return of a submit to the start of an idle worker's child. The child is `date` itself, because it
 * starts fast; its output is the result. The measured time includes about 1 ms until `date` reads the clock.
 * @returns each latency, in ms
 */
export async function wakings(workspace: string, samples: number): Promise<readonly number[]> {
  await using worker = new BenchWorker(workspace, [], ['date', '+%s%N']);
  await pause(1_000);
  const latencies: number[] = [];
  for (let task = 1; task <= WARM_UP + samples; task++) {
    await pause(rest());
    const now = wallClock();
    const { stdout } = agentq(workspace, 'submit', '--to', 'bench', '--instructions', instructions);
    const returned = now();
    await worker.completed(task);
    if (task > WARM_UP) latencies.push(startOf(workspace, stdout.trim()) - returned);
  }
  return latencies;
}

/** @returns the time that the task's child printed, in ms since 1970 */
function startOf(workspace: string, id: string): number {
  const printed = readFileSync(join(workspace, '.agentq', resultPath(id, 1)), 'utf8').trim();
  if (!/^\d{19}$/.test(printed)) throw new Error(`the date of this system has no nanoseconds: ${printed}`);
  return Number(printed) / 1e6;
}

/** The system's clock, which other processes share, with fractions of a ms; Date.now() has none. */
function wallClock(): () => number {
  const before = Date.now();
  while (Date.now() === before);
  const offset = Date.now() - performance.now();
  return () => offset + performance.now();
}
