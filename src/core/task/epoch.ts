import type { BareEvent } from './event.ts';
import { nextAttempt, type Task } from './task.ts';

/**
 * The increase of attempt numbers in each epoch. A restore from a backup starts a new epoch: the store has lost all
 * changes since the backup, and the attempt numbers of those changes must not be used again.
 */
export const ATTEMPTS_PER_EPOCH = 1_000;

/**
 * The events of a new epoch for a task. A completed or cancelled task gets no further attempt and stays unchanged.
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
