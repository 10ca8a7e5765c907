import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes the files of ended processes from a folder.
 * @param beginning of their names; the id of the process that made the file follows
 */
export function removeLeftovers(folder: string, beginning: string): void {
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(beginning) ? Number.parseInt(name.slice(beginning.length)) : NaN;
    if (pid > 0 && !isRunning(pid)) rmSync(join(folder, name), { force: true });
  }
}

/** Whether a process of this machine runs. It may belong to another user. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
