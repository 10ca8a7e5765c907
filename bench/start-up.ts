import { lifeOf, makeWorkspace } from './agentq.ts';
import { atMost, type Measure, ms } from './figure.ts';
import { alternate, median, runNode } from './measure.ts';

const BOUND = 1.6;

/** The cost of each call: a whole process of each command, against a process of Node.js that does nothing. */
export const startUp: Measure = async ({ dir, quick }) => {
  const workspace = makeWorkspace(dir);
  const rounds = quick ? { counted: 15, warmUp: 3 } : { counted: 51, warmUp: 5 };
  const { nothing, ...commands } = await alternate(rounds, {
    nothing: () => runNode(['-e', '0'], workspace).ms,
    ...lifeOf(workspace),
  });
  const baseline = median(nothing);
  return Object.entries(commands).map(([command, times]) =>
    atMost(
      BOUND,
      `process: ${command === 'status' ? 'status ID' : command}, to node -e 0`,
      median(times),
      baseline,
      ms,
    ),
  );
};
