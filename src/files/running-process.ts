import { readFileSync } from 'node:fs';

/** Whether a process of this machine runs. It may belong to another user. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the name of the program, the second field, ends with `)` */
const FIELDS_BEFORE_STATE = 2;
const START_TIME = 22;

/**
 * When a process started: the boot of the machine and the clock ticks since then. It distinguishes the process from a
 * later one with the same id. Undefined on systems other than Linux, and for a process that this user may not see.
 */
export function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${boot}/${fields[START_TIME - FIELDS_BEFORE_STATE - 1]}`;
  } catch {
    return undefined;
  }
}
