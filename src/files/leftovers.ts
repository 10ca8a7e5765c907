import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from './running-process.ts';

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
