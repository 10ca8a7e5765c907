import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const fileIn = (dir: string) => join(dir, 'epoch');

/**
 * The last epoch that was begun in the workspace, as it is noted beside the store: the same backup may be restored a
 * second time, after the store that was restored first is lost.
 */
export function notedEpoch(dir: string): number {
  try {
    const n = Number(readFileSync(fileIn(dir), 'utf8'));
    return Number.isSafeInteger(n) && n > 0 ? n : 0;
  } catch {
    return 0;
  }
}

/** Notes it durably, before anything is given out in it. */
export function noteEpoch(dir: string, n: number, mode: number): void {
  const staged = `${fileIn(dir)}.${process.pid}`;
  const fd = openSync(staged, 'w', mode);
  writeFileSync(fd, `${n}\n`);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(staged, fileIn(dir));
  syncName(fileIn(dir));
}

/** Makes a file's name durable. */
export function syncName(path: string): void {
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
