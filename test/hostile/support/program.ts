import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The program as it is installed. */
export const PROGRAM =
  process.env['AGENTQ_TEST_BIN'] ?? fileURLToPath(new URL('../../../bin/agentq.cjs', import.meta.url));

/** After so long a process is killed, in ms. */
const PATIENCE = 30_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The surroundings of a process, and which copy of the program it runs. */
export interface Options extends SpawnOptions {
  readonly node?: string;
  readonly program?: string;
  readonly input?: string | Uint8Array;
}

/** Starts a shell script; `$0` in it is Node.js, `$1` the program, `$2` and what follows are the arguments. */
export function startScript(script: string, args: readonly string[], options: Options): ChildProcess {
  const { node = process.execPath, program = PROGRAM, ...around } = options;
  const env = { PATH: process.env['PATH'], ...options.env };
  return spawn('/bin/sh', ['-c', script, node, program, ...args], { timeout: PATIENCE, ...around, env });
}

/** Gives a process its whole standard input. @returns what it said until it ended */
export async function ended(child: ChildProcess, input: string | Uint8Array = ''): Promise<Ended> {
  // A program that refuses its input early closes the pipe; what it says then is what the test looks at.
  child.stdin?.on('error', () => {}).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout?.destroyed === false ? text(child.stdout) : '',
    text(child.stderr!),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

/** Runs the program to its end. */
export function runProgram(options: Options, ...args: string[]): Promise<Ended> {
  return ended(startScript('exec "$0" "$@"', args, options), options.input);
}

/** Runs the program with a standard output whose reader has gone before it begins. */
export async function runUnread(options: Options, ...args: string[]): Promise<Ended> {
  const child = startScript('read go; exec "$0" "$@"', args, options);
  child.stdout!.destroy();
  await once(child.stdout!, 'close');
  return ended(child, 'go\n');
}

/** Runs the program with a standard output that lies on a full disk. */
export function runOnFullDisk(options: Options, ...args: string[]): Promise<Ended> {
  return ended(startScript('exec "$0" "$@" > /dev/full', args, options));
}
