import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../../core/errors.ts';
import { replaceFile } from '../../../files/durable-file.ts';

const fileIn = (dir: string) => join(dir, 'epoch');

/**
 * The last epoch that was begun in the workspace, as recorded beside the store: the same backup may be restored a
 * second time, after the store that was restored first is lost.
 * @returns 0 if there is no file
 * @throws AgentqError `unreadable-file`: without the number, an epoch number could be used twice
 */
export function notedEpoch(dir: string): number {
  try {
    const n = Number(readFileSync(fileIn(dir), 'utf8'));
    return Number.isSafeInteger(n) && n > 0 ? n : 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 0;
    throw new AgentqError('unreadable-file', `the epoch cannot be read: ${message}`, 'check its owner and mode');
  }
}

/** Records it durably, before any task is given out in the epoch. */
export function noteEpoch(dir: string, n: number, mode: number): void {
  replaceFile(fileIn(dir), `${n}\n`, mode);
}
