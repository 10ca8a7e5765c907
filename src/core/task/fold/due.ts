import type { Task } from '../task.ts';
import { isUnstarted } from '../task.ts';

/** The next time at which the passing of time changes the task, in whole ms since 1970; undefined if there is none. */
export function nextDue(task: Task): number | undefined {
  switch (task.status) {
    case 'scheduled':
      return task.due_at;
    case 'working':
      return task.lease.expires_at;
    case 'queued': {
      const { ttl_seconds } = task.envelope;
      return ttl_seconds !== undefined && isUnstarted(task)
        ? task.ready_at + Math.ceil(ttl_seconds * 1_000)
        : undefined;
    }
    default:
      return undefined;
  }
}
