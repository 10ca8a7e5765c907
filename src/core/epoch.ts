import type { BareEvent } from './event.ts';
import { nextAttempt, type Task } from './task.ts';

/**
 * By how much higher the numbers of attempts go on in each epoch. A store that is restored from a backup begins a new
 * epoch: it has lost what happened since the backup was made, and numbers that were given out then must not be given
 * out again.
 */
export const ATTEMPTS_PER_EPOCH = 1_000;

/**
 * What a new epoch does to a task. A completed or cancelled one gets no further attempt, and stays as it is.
 * @param since the epoch that the backup was made in
 */
export function beginEpoch(
  task: Task,
  { epoch, since }: { readonly epoch: number; readonly since: number },
): readonly BareEvent[] {
  if (task.status === 'completed' || task.status === 'cancelled') return [];
  const attempts_above = nextAttempt(task) - 1 + ATTEMPTS_PER_EPOCH * (epoch - since);
  return [{ type: 'restored', epoch, attempts_above }];
}
