import { type Finished, finishedAt, isDead, isFinished, type Task } from '../task.ts';

export interface PruneLimit {
  /** Tasks that ended before this, ms since 1970. */
  readonly before: number;
  /** Whether dead letters stay. */
  readonly keep_dead: boolean;
}

/** Whether age and status allow to prune the task. */
export function isPrunable(task: Task, { before, keep_dead }: PruneLimit): task is Finished {
  return isFinished(task) && finishedAt(task) < before && !(keep_dead && isDead(task));
}
