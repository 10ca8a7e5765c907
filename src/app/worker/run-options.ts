import type { RolePolicy } from '../workspace/config.ts';
import type { Ground } from './ground.ts';
import type { Guard } from './processes/guard.ts';

/** The settings with which a worker runs its children. */
export interface RunOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly policy: RolePolicy;
  /** How long a child has between SIGTERM and SIGKILL, in ms. */
  readonly killGrace: number;
  /** Whether standard input contains only the instructions and the context, and no assignment. */
  readonly briefOnly: boolean;
  readonly guard: Guard;
  readonly ground: Ground;
  readonly warn: (line: string) => void;
}
