import { spawnSync } from 'node:child_process';

/** The median: the middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

/** The smallest value that at least `share` of the values do not exceed, without interpolation. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;
}

export interface Rounds {
  readonly counted: number;
  /** The rounds before, which are not measured. */
  readonly warmUp: number;
}

/**
 * Measures every variant once in each round, A B C A B C …, so that a machine that becomes slower or faster affects
 * all of them. A variant does its work and returns its own measurement.
 * @returns the measurements of each variant, in order
 */
export async function alternate<Name extends string>(
  { counted, warmUp }: Rounds,
  variants: Readonly<Record<Name, () => number | Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const measured = {} as Record<Name, number[]>;
  const names = Object.keys(variants) as Name[];
  for (const name of names) measured[name] = [];
  for (let round = -warmUp; round < counted; round++) {
    for (const name of names) {
      const value = await variants[name]();
      if (round >= 0) measured[name].push(value);
    }
  }
  return measured;
}

export interface Ran {
  /** The time from before the start of the process until it has ended and its output is read. */
  readonly ms: number;
  readonly stdout: string;
}

/** Runs this Node.js with the arguments in a process. @throws if it does not exit with 0 */
export function runNode(args: readonly string[], cwd: string): Ran {
  return runProgram(process.execPath, args, cwd);
}

/**
 * Runs a program in a process.
 * @throws if it does not exit with 0: a failed run must not count as a fast one
 */
export function runProgram(program: string, args: readonly string[], cwd: string): Ran {
  const before = performance.now();
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 30,
  });
  const ms = performance.now() - before;
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${status ?? signal}\n${stderr}`);
  return { ms, stdout };
}

/** The environment of this process without the variables of agentq, so that they do not affect the measurement. */
export const environment: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('AGENTQ_')),
);
