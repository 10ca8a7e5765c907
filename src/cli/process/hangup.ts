import { fstatSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** SIGHUP is signal 1: the lowest bit of a mask in /proc. */
const HANGUP = 1n;

/**
 * Whether this process was started with SIGHUP ignored, as `nohup` does and `trap '' HUP` in a shell. Node.js resets
 * each signal to its default when it starts, so this is detected from the environment of the process. A shell that
 * started `nohup` has put it into `_`; `nohup` provides a standard input that is not readable; a parent that ignores
 * the signal passes this on.
 */
export function hangupIgnored(env: NodeJS.ProcessEnv): boolean {
  return basename(env['_'] ?? '') === 'nohup' || parentIgnores() || inputOfNohup();
}

function parentIgnores(): boolean {
  const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(contentOf(`/proc/${process.ppid}/status`))?.[1];
  return ignored !== undefined && (BigInt(`0x${ignored}`) & HANGUP) !== 0n;
}

/** GNU nohup replaces a terminal by /dev/null, opened only for writing. */
function inputOfNohup(): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(contentOf('/proc/self/fdinfo/0'))?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) === 1 && isNull(0);
}

function isNull(fd: number): boolean {
  try {
    return fstatSync(fd).rdev === statSync('/dev/null').rdev;
  } catch {
    return false;
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
