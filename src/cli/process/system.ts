import type { Readable } from 'node:stream';
import type { RunningProcess } from '../../files/running-process.ts';

/** Everything that the program takes from its process, so that a test can replace it. */
export interface System {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** A folder that only the user can write to, for data that can be created again; undefined if there is none. */
  readonly cacheFolder?: string | undefined;
  readonly stdin: Readable;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly hostname: () => string;
  /** Identifies the clock of this machine: the same in all processes that share the clock. */
  readonly clockId: () => string;
  readonly pid: number;
  /** The processes above this one, the parent first. Absent if they are unknown. */
  readonly above?: () => Iterable<RunningProcess>;
  /** ms since 1970. */
  readonly clock: () => number;
  /**
   * The monotonic clock in ms, from an arbitrary start. Changes of the system clock do not affect it. For deadlines.
   */
  readonly monotonic: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Whether the process ends with the command. Then no clean-up is needed. */
  readonly endsProcess: boolean;
  /** Calls back at each SIGINT, SIGTERM or SIGHUP. @returns a function that stops listening */
  readonly onSignal: (listener: (signal: NodeJS.Signals) => void) => () => void;
}

/** Thrown by a sink whose reader has gone away (agentq list | head). */
export class OutputClosed extends Error {}

export interface Sink {
  /**
   * Writes all of it.
   * @throws OutputClosed if the reader has gone away; AgentqError `storage` if it cannot be written
   */
  write(data: string | Uint8Array): void;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}
