import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The files that SQLite and compression create beside a file. */
const ENDS = ['', '-journal', '-wal', '-shm', '.gz'];

/** How many such files this process has had. */
let used = 0;

/**
 * Runs `use` with the name of a file of this process beside a cache, and removes the file afterwards. Also removes the
 * files that killed processes have left there.
 */
export async function withTemporaryFile<T>(cache: string, use: (path: string) => Promise<T>): Promise<T> {
  removeLeftovers(cache);
  const path = `${cache}.snapshot-${process.pid}-${++used}`;
  try {
    return await use(path);
  } finally {
    for (const end of ENDS) rmSync(`${path}${end}`, { force: true });
  }
}

function removeLeftovers(cache: string): void {
  const folder = dirname(cache);
  const beginning = `${basename(cache)}.snapshot-`;
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(beginning) ? Number.parseInt(name.slice(beginning.length)) : NaN;
    if (pid > 0 && !isAlive(pid)) rmSync(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
