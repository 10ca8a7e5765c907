import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentq, instructions, makeWorkspace } from './agentq.ts';
import { atLeast, count, type Measure, perSecond } from './figure.ts';
import { alternate, median, runNode } from './measure.ts';

const ROWS = 100_000;
const AT_LEAST = 20_000;
const BOUND = 0.4;

/**
 * A large batch as a whole process, from its start to its end, against the inserts of the same rows. For the inserts,
 * only the loop is measured, which reads and checks nothing.
 */
export const batch: Measure = async ({ dir, quick }) => {
  const file = join(dir, 'batch.jsonl');
  writeFileSync(file, rows());
  // The store from which the bare loop takes its rows.
  const model = makeWorkspace(join(dir, 'model'));
  agentq(model, 'submit', '--batch', file);
  const rounds = quick ? { counted: 3, warmUp: 0 } : { counted: 15, warmUp: 1 };
  const measured = await alternate(rounds, {
    agentq: () => inFresh(join(dir, 'agentq'), (workspace) => agentq(workspace, 'submit', '--batch', file).ms),
    bare: () => inFresh(join(dir, 'bare'), (workspace) => bare(model, workspace)),
  });
  const rate = (times: readonly number[]) => (ROWS * 1_000) / median(times);
  const speed = rate(measured.agentq);
  const figure = `submit --batch of ${count(ROWS)}`;
  return [
    { figure, measured: perSecond(speed), bound: `≥ ${perSecond(AT_LEAST)}`, met: speed >= AT_LEAST },
    atLeast(BOUND, 'the same, to bare inserts of the same rows', speed, rate(measured.bare), perSecond),
  ];
};

function rows(): string {
  return Array.from(
    { length: ROWS },
    (_, i) => `${JSON.stringify({ to: 'bench', instructions: `${instructions} Part ${i} of ${ROWS}.` })}\n`,
  ).join('');
}

/** Each run writes into a new store. */
function inFresh(folder: string, measure: (workspace: string) => number): number {
  const time = measure(makeWorkspace(folder));
  rmSync(folder, { recursive: true });
  return time;
}

function bare(model: string, workspace: string): number {
  const script = fileURLToPath(new URL('bare-batch.ts', import.meta.url));
  return Number(runNode([script, model, workspace], workspace).stdout);
}
