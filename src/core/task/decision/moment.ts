import type { Task } from '../task.ts';

/**
 * The effective time of a command that was issued earlier than the backend received it. It is the time when it was
 * issued, so that a completion in time counts even if the lease has ended since. It is never later than now, because a
 * fast clock must not end live leases. It is never before the latest change of the task, so that changes stay in order.
 * @param task its current state; undefined if it does not exist yet
 * @param issuedAt when it was issued; undefined for now. All in ms since 1970
 */
export function countsFrom(task: Task | undefined, issuedAt: number | undefined, now: number): number {
  if (issuedAt === undefined) return now;
  return Math.min(now, Math.max(issuedAt, task?.updated_at ?? issuedAt));
}
