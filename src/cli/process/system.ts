import type { Readable } from 'node:stream';

/** Everything that the program takes from the process around it, so that a test can give it something else. */
export interface System {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** A folder that only the user can write to, for what can be made anew; undefined where there is none. */
  readonly cacheFolder?: string | undefined;
  readonly stdin: Readable;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly hostname: () => string;
  readonly pid: number;
  /** ms since 1970. */
  readonly clock: () => number;
  /** ms since some moment; no setting of the clock changes it. For deadlines. */
  readonly monotonic: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Whether the process ends with the command: then nothing need be tidied up first. */
  readonly endsProcess: boolean;
  /** Calls back at each SIGINT, SIGTERM or SIGHUP. @returns how to stop listening */
  readonly onSignal: (listener: (signal: NodeJS.Signals) => void) => () => void;
}

/** Thrown by a sink whose reader has gone (agentq list | head). */
export class OutputClosed extends Error {}

export interface Sink {
  /**
   * Writes all of it.
   * @throws OutputClosed where the reader has gone; AgentqError `storage` where it can't be written
   */
  write(data: string | Uint8Array): void;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}
