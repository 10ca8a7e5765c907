import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Signallable } from './termination.ts';

export interface Spawning {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export type Exit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'not-started'; readonly problem: string };

/** A child that leads its own process group, so that its descendants can be stopped with it. */
export class ProcessGroup implements Signallable {
  readonly #child: ChildProcess | undefined;
  readonly exit: Promise<Exit>;

  constructor(spawning: Spawning) {
    const started = start(spawning);
    this.#child = started instanceof Error ? undefined : started;
    this.exit = started instanceof Error ? Promise.resolve(notStarted(started)) : exitOf(started);
    // It is not an error if the child does not read its standard input.
    this.#child?.stdin?.on('error', () => {});
  }

  get id(): number | undefined {
    return this.#child?.pid;
  }

  /** Its standard streams; undefined if it could not be started. */
  get streams(): { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable } | undefined {
    const { stdin, stdout, stderr } = this.#child ?? {};
    return stdin && stdout && stderr ? { stdin, stdout, stderr } : undefined;
  }

  signal(signal: NodeJS.Signals | 0): boolean {
    if (this.id === undefined) return false;
    try {
      return process.kill(-this.id, signal);
    } catch {
      return false;
    }
  }
}

/**
 * Most start failures of a child are reported by an event. Some are thrown, for example if the environment is too
 * large.
 */
function start({ command, args, cwd, env }: Spawning): ChildProcess | Error {
  try {
    return spawn(command, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    return error as Error;
  }
}

const notStarted = ({ message }: Error): Exit => ({ kind: 'not-started', problem: message });

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)));
    child.once('exit', (code, signal) =>
      resolve(signal ? { kind: 'signalled', signal } : { kind: 'exited', code: code ?? 1 }),
    );
  });
}
