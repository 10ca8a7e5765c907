import { isDead, isFinished, type Task } from './task.ts';

/** Whether the log must say the task again before it drops the beginning: it can still change without a new submit. */
export function carries(task: Task): boolean {
  return !isFinished(task) || isDead(task);
}
