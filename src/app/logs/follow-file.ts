import { type FSWatcher, watch as watchFile } from 'node:fs';
import type { Watch } from '../../backend/backend.ts';
import { nextDue } from '../../core/task/fold/due.ts';
import type { Task } from '../../core/task/task.ts';
import { patience, type Services } from '../workspace/services.ts';
import type { LogOutput } from './log-output.ts';
import { LogReader } from './log-reader.ts';

/** How long the program of an attempt that has ended may go on printing, in ms. */
export const LAST_WORDS = 15_000;

export interface Followed {
  readonly id: string;
  readonly attempt: number;
  readonly file: string;
  readonly tail: number | undefined;
  readonly watch: Watch;
  readonly signal: AbortSignal;
}

/**
 * Prints the log of a running attempt of this machine, until the attempt has ended and its worker has removed the file.
 * @returns false if the reader has gone away, or the signal came
 */
export async function followFile(
  services: Services,
  { id, attempt, file, tail, watch, signal }: Followed,
  { take, end }: LogOutput,
): Promise<boolean> {
  const { backend, monotonic } = services;
  using reader = new LogReader(file);
  if (tail !== undefined) reader.skipToLast(tail);
  let grown = new AbortController();
  const watcher = watched(file, () => grown.abort());
  try {
    let task: Task | undefined = await backend.task(id);
    let endedAt: number | undefined;
    for (;;) {
      // Decided before the log is read, so that nothing is printed after the last read.
      const outcome = task?.attempts.find(({ number }) => number === attempt)?.outcome;
      const isOpen = task !== undefined && outcome === undefined;
      if (!isOpen) endedAt ??= monotonic();
      const isOver =
        reader.isRemoved ||
        (endedAt !== undefined && (outcome === 'lease-expired' || monotonic() >= endedAt + LAST_WORDS));
      if (!reader.read((bytes) => take(attempt, bytes))) return false;
      if (isOver || signal.aborted) {
        end(attempt);
        return !signal.aborted;
      }
      const due = isOpen ? nextDue(task!) : backend.now + LAST_WORDS;
      const rung = await watch.wait(patience(services, due), AbortSignal.any([signal, grown.signal]));
      // While the log grows, the queue is not asked.
      const isPoll = !rung && !grown.signal.aborted;
      if (grown.signal.aborted) grown = new AbortController();
      if (rung) task = await backend.lastKnown(id);
      else if (isPoll && !signal.aborted) task = await backend.task(id);
    }
  } finally {
    watcher?.close();
  }
}

/** @returns undefined if the system cannot watch the file: then the log is polled slowly */
function watched(file: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watchFile(file, onChange).on('error', () => {});
  } catch {
    return undefined;
  }
}
