import { closeSync, fstatSync, lstatSync, readSync } from 'node:fs';
import { openRegular } from '../../files/regular-file.ts';
import type { Task } from '../../core/task/task.ts';
import { liveLog, logPath } from '../logs/attempt-log.ts';
import type { Services } from '../workspace/services.ts';

/** The end of a log. */
export interface LogEnd {
  /** The size of the whole log, in bytes. */
  readonly size: number;
  /** At most as many bytes as were asked for, as text. It begins with a whole line if something before it is left out. */
  readonly text: string;
}

/**
 * Reads the end of what the latest attempt of a task has printed: while it runs, from its scratch space, and afterwards
 * from its place in the store. Only files of this machine are looked at, and nothing of the queue is read.
 * @param most how many bytes to read at most
 * @param known the size at the last read: the file is not read again if it is the same
 * @returns `same` if the size has not changed; undefined if there is no log here
 */
export function readLogEnd(services: Services, task: Task, most: number, known?: number): LogEnd | 'same' | undefined {
  const attempt = task.attempts.at(-1);
  if (!attempt) return undefined;
  const places = [
    () => liveLog(services, task.id, attempt.number),
    () => services.store.staging.locate(logPath(task.id, attempt.number)),
  ];
  for (const place of places) {
    try {
      const path = place();
      // An attempt without a log is usual, and an exception costs more than this question.
      if (lstatSync(path, { throwIfNoEntry: false })) return readEnd(path, most, known);
    } catch {
      // The child may have removed or replaced it, or it lies elsewhere.
    }
  }
  return undefined;
}

function readEnd(path: string, most: number, known: number | undefined): LogEnd | 'same' {
  const fd = openRegular(path, false);
  try {
    const { size } = fstatSync(fd);
    if (size === known) return 'same';
    const bytes = Buffer.alloc(Math.min(size, most));
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString('utf8', 0, read);
    return { size, text: size > most ? text.slice(text.indexOf('\n') + 1) : text };
  } finally {
    closeSync(fd);
  }
}

/** The last line that says something; a progress bar overwrites its line with carriage returns. */
export function lastLineOf(text: string): string {
  return (
    text
      .split(/[\r\n]/)
      .map((line) => line.trimEnd())
      .findLast((line) => line.trim() !== '') ?? ''
  );
}
