import { isDead, isFinished, type Task, type TaskIn } from '../task.ts';

export interface PruneLimit {
  /** Tasks whose last change is older than this, ms since 1970. */
  readonly before: number;
  /** Whether dead letters stay. */
  readonly keep_dead: boolean;
}

type Finished = TaskIn<'completed' | 'failed' | 'cancelled' | 'expired'>;

/** Whether age and status allow to prune the task. */
export function isPrunable(task: Task, { before, keep_dead }: PruneLimit): task is Finished {
  return isFinished(task) && task.updated_at < before && !(keep_dead && isDead(task));
}
