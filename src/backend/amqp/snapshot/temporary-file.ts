import { rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { removeLeftovers } from '../../../files/leftovers.ts';

/** The files that SQLite and compression create beside a file. */
const ENDS = ['', '-journal', '-wal', '-shm', '.gz'];

/** How many such files this process has had. */
let used = 0;

/**
 * Runs `use` with the name of a file of this process beside a cache, and removes the file afterwards. Also removes the
 * files that killed processes have left there.
 * @param cache the beginning of the name of the cache
 */
export async function withTemporaryFile<T>(cache: string, use: (path: string) => Promise<T>): Promise<T> {
  const beginning = `${cache}.snapshot-`;
  removeLeftovers(dirname(cache), basename(beginning));
  const path = `${beginning}${process.pid}-${++used}`;
  try {
    return await use(path);
  } finally {
    for (const end of ENDS) rmSync(`${path}${end}`, { force: true });
  }
}
