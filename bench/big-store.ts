import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lifeOf, makeWorkspace } from './agentq.ts';
import { atMost, count, type Measure, ms } from './figure.ts';
import { alternate, median, runNode } from './measure.ts';

const BOUND = 1.2;
const SMALL = 1_000;

/** Whether finished tasks make commands slower: the same commands on a store with many of them and on one with few. */
export const bigStore: Measure = async ({ dir, quick }) => {
  const big = quick ? 100_000 : 1_000_000;
  const store = (tasks: number) => {
    const workspace = makeWorkspace(join(dir, String(tasks)));
    fill(workspace, tasks);
    return lifeOf(workspace);
  };
  const few = store(SMALL);
  const many = store(big);
  // The first reads of a new store are slow and belong to the warm-up.
  const rounds = quick ? { counted: 15, warmUp: 3 } : { counted: 31, warmUp: 5 };
  const commands = ['submit', 'claim', 'complete', 'status'] as const;
  const measured = await alternate(
    rounds,
    Object.fromEntries(
      commands.flatMap((command) => [
        [`${command} ${SMALL}`, few[command]],
        [`${command} ${big}`, many[command]],
      ]),
    ),
  );
  return commands.map((command) => {
    const of = (tasks: number) => median(measured[`${command} ${tasks}`]!);
    const figure = `${command === 'status' ? 'status ID' : command}, ${count(big)} finished tasks to ${count(SMALL)}`;
    return atMost(BOUND, figure, of(big), of(SMALL), ms);
  });
};

/** Fills the store in a separate process, so that its memory does not slow down the fork of the measured processes. */
function fill(workspace: string, tasks: number): void {
  runNode([fileURLToPath(new URL('fill.ts', import.meta.url)), workspace, String(tasks)], workspace);
}
