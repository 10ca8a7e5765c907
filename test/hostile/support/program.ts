import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The program under test. */
export const PROGRAM =
  process.env['AGENTQ_TEST_BIN'] ?? fileURLToPath(new URL('../../../bin/agentq.cjs', import.meta.url));

/** A process that runs longer is killed, in ms. */
const TIME_LIMIT = 30_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a process, and the copy of the program that it runs. */
export interface Options extends SpawnOptions {
  readonly node?: string;
  readonly program?: string;
  readonly input?: string | Uint8Array;
}

/** Starts a shell script. In it, `$0` is Node.js, `$1` is the program, and the arguments begin with `$2`. */
export function startScript(script: string, args: readonly string[], options: Options): ChildProcess {
  const { node = process.execPath, program = PROGRAM, ...more } = options;
  const env = { PATH: process.env['PATH'], ...options.env };
  return spawn('/bin/sh', ['-c', script, node, program, ...args], { timeout: TIME_LIMIT, ...more, env });
}

/** Writes the standard input of a process. @returns its output and exit code when it has ended */
export async function ended(child: ChildProcess, input: string | Uint8Array = ''): Promise<Ended> {
  // A program may close its input early. The test then checks what the program prints.
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

/** Runs the program with a standard output that its reader has closed before. */
export async function runUnread(options: Options, ...args: string[]): Promise<Ended> {
  const child = startScript('read go; exec "$0" "$@"', args, options);
  child.stdout!.destroy();
  await once(child.stdout!, 'close');
  return ended(child, 'go\n');
}

/** Runs the program with a standard output on a full disk. */
export function runOnFullDisk(options: Options, ...args: string[]): Promise<Ended> {
  return ended(startScript('exec "$0" "$@" > /dev/full', args, options));
}
