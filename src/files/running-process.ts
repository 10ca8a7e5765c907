import { readFileSync } from 'node:fs';

/** Whether a process of this machine runs. It may belong to another user. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * A field of a process in /proc, by its number in https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, from the
 * third on. Undefined on systems other than Linux, and if the process has ended or this user may not see it.
 */
export function statField(pid: number, field: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name of the program, in parentheses. It may contain any characters.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field - 3];
  } catch {
    return undefined;
  }
}

const PARENT = 4;
const START_TIME = 22;

/**
 * When a process started: the boot of the machine and the clock ticks since then. It distinguishes the process from a
 * later one with the same id. Undefined where it cannot be read.
 */
export function startOf(pid: number): string | undefined {
  const [boot, start] = [bootId(), statField(pid, START_TIME)];
  return boot && start && `${boot}/${start}`;
}

/**
 * Identifies the boot of the kernel: https://docs.kernel.org/admin-guide/sysctl/kernel.html#random. Undefined on systems
 * other than Linux.
 */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

export interface RunningProcess {
  readonly pid: number;
  /** The name of its program, at most 15 characters. */
  readonly name: string;
  /** Clock ticks from the boot to its start. It distinguishes the process from a later one with the same id. */
  readonly start: string;
}

/**
 * The process and those above it, without the first one of the machine or the container. Empty on systems other than
 * Linux.
 */
export function* processAndAbove(pid: number): Generator<RunningProcess> {
  for (let next = pid; next > 1;) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${next}/stat`, 'latin1');
    } catch {
      return;
    }
    const [open, close] = [stat.indexOf('('), stat.lastIndexOf(')')];
    const fields = stat.slice(close + 2).split(' ');
    yield { pid: next, name: stat.slice(open + 1, close), start: fields[START_TIME - 3]! };
    next = Number(fields[PARENT - 3]);
  }
}
