import type { Task } from './task.ts';

/**
 * From when on a command counts that was said at one time and is heard at a later one: from when it was said, so that
 * a completion counts that was said in time, though the lease has ended since. Never later than now: a clock that ran
 * ahead must not end leases that are live. Never before what last happened to the task: its events stay in order.
 * @param task as it is now; undefined where there is none yet
 * @param said when it was said; undefined where it is said now. All in ms since 1970
 */
export function countsFrom(task: Task | undefined, said: number | undefined, now: number): number {
  if (said === undefined) return now;
  return Math.min(now, Math.max(said, task?.updated_at ?? said));
}
