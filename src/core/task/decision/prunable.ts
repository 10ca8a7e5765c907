import { type Finished, finishedAt, isDead, isFinished, type Task } from '../task.ts';

export interface PruneLimit {
  /** Tasks whose end was recorded before this, ms since 1970. */
  readonly before: number;
  /** Whether dead letters stay. */
  readonly keep_dead: boolean;
}

/** Whether age and status allow to prune the task. */
export function isPrunable(task: Task, { before, keep_dead }: PruneLimit): task is Finished {
  return isFinished(task) && knownSince(task) < before && !(keep_dead && isDead(task));
}

/** Since when its end could be seen. The end of a TTL is recorded late if no process ran when it passed. */
function knownSince(task: Finished): number {
  return task.status === 'expired' ? (task.recorded_at ?? task.expired_at) : finishedAt(task);
}
