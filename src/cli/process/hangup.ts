import { fstatSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** SIGHUP is signal 1: the lowest bit of a mask in /proc. */
const HANGUP = 1n;

/**
 * Whether this process was started with SIGHUP ignored, as `nohup` does and `trap '' HUP` in a shell. Node.js sets each
 * signal back to its default when it starts, so it can only be told by what is around the process: `nohup` is in `_`
 * where a shell has started it, or gave a standard input that can't be read; a parent that ignores the signal passes
 * that on.
 */
export function hangupIgnored(env: NodeJS.ProcessEnv): boolean {
  return basename(env['_'] ?? '') === 'nohup' || parentIgnores() || inputOfNohup();
}

function parentIgnores(): boolean {
  const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(contentOf(`/proc/${process.ppid}/status`))?.[1];
  return ignored !== undefined && (BigInt(`0x${ignored}`) & HANGUP) !== 0n;
}

/** GNU nohup puts /dev/null, open for writing alone, in the place of a terminal. */
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
