import type { Attempt, Task } from '../../core/task/task.ts';
import type { Outcome } from './attempt-report.ts';

/** Whether an attempt holds its task, according to the queue. `ended`: its child has ended the attempt itself. */
export type Hold = 'held' | 'cancelled' | 'lost' | 'ended';

/** @param task the task as the queue knows it; undefined if the queue does not know it */
export function holdOf(task: Task | undefined, attempt: number): Hold {
  if (task?.status === 'cancelled') return 'cancelled';
  const own = attemptIn(task, attempt);
  if (!own || own.outcome === 'lease-expired') return 'lost';
  return own.outcome === undefined ? 'held' : 'ended';
}

/** The outcome of an attempt that its child has ended itself; undefined for any other attempt. */
export function recordedOutcome(task: Task | undefined, attempt: number): Outcome | undefined {
  const own = attemptIn(task, attempt);
  switch (own?.outcome) {
    case 'completed':
      return { outcome: 'completed' };
    case 'failed':
      return { outcome: task?.status === 'failed' ? 'failed' : 'retrying', reason: own.reason };
    case 'released':
    case 'deferred':
      return { outcome: 'handed-back', reason: own.reason };
    default:
      return undefined;
  }
}

function attemptIn(task: Task | undefined, attempt: number): Attempt | undefined {
  return task?.attempts.find(({ number }) => number === attempt);
}
