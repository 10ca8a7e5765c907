import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from './scratch.ts';

/** How long a traced process may run, in ms. */
const LIFETIME = 30_000;

const CALLS = 'openat,pwrite64,write,fdatasync,fsync,link,linkat,rename,renameat2,mkdir,mkdirat,unlink,ftruncate';

/** A system call: its name, and its arguments as strace prints them, each descriptor with its path. */
export interface Call {
  readonly name: string;
  readonly args: string;
}

/** Why no process can be traced on this machine; undefined if tracing works. */
export const untraceable: string | undefined =
  spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'], { timeout: LIFETIME }).status === 0
    ? undefined
    : 'strace is missing or may not trace, so the order of writes and syncs cannot be checked';

/** Runs a script of the tests to its end. @returns the system calls of its main thread, in order */
export function trace(script: URL, ...args: readonly string[]): readonly Call[] {
  const record = join(scratchFolder(), 'trace');
  const ran = spawnSync(
    'strace',
    ['-qq', '-y', '-s', '200', '-e', `trace=${CALLS}`, '-o', record, process.execPath, script.pathname, ...args],
    { encoding: 'utf8', timeout: LIFETIME, killSignal: 'SIGKILL' },
  );
  if (ran.status !== 0) throw new Error(`the traced process ended with ${ran.status ?? ran.signal}: ${ran.stderr}`);
  return readFileSync(record, 'utf8')
    .split('\n')
    .map((line) => /^(\w+)\((.*)\) += \d/.exec(line))
    .flatMap((match) => (match ? [{ name: match[1]!, args: match[2]! }] : []));
}

/** The path of the file of the call, if strace prints it with a descriptor: `22</path>`. */
export function pathOf({ args }: Call): string | undefined {
  return /^\d+<([^>]*)>/.exec(args)?.[1];
}

export const isPrint = ({ name, args }: Call): boolean => name === 'write' && args.startsWith('1<');
export const isSync = ({ name }: Call): boolean => name === 'fsync' || name === 'fdatasync';
export const isWrite = ({ name }: Call): boolean => name === 'write' || name === 'pwrite64';
