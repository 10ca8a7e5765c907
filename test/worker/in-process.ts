import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { clockId } from '../../src/cli/process/clock-id.ts';
import type { Sink } from '../../src/cli/process/system.ts';

/** How a command ended, and what it printed. */
export interface Ended {
  /** null: it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @returns the output without the last line end @throws if the command failed */
export function outputOf(args: readonly string[], { code, stdout, stderr }: Ended): string {
  if (code !== 0) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout.replace(/\n$/, '');
}

/**
 * Runs a command to its end in the process of the test, from the sources. It is for set-up, and for looking at tasks: a
 * process of the program costs ten times as much CPU time.
 */
export async function runInProcess(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const { main } = await import('../../src/cli/main.ts');
  const [stdout, stderr] = [new Collector(), new Collector()];
  const code = await main({
    args,
    env,
    cwd,
    stdin: Readable.from([]),
    stdout,
    stderr,
    hostname,
    clockId,
    pid: process.pid,
    clock: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    endsProcess: false,
    onSignal: () => () => {},
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collector implements Sink {
  text = '';

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
  }
}
