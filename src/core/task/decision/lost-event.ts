import { MAX_RECORDED_REFUSALS } from './decide.ts';
import type { Event } from '../event.ts';
import type { Task } from '../task.ts';

/**
 * The record of an event that lost a race. A completion and a failure are statements of a worker and are recorded as
 * refused. Events of time and claims leave no trace.
 */
export function lostEvent(task: Task, event: Event, reason: string): Event | undefined {
  if (event.type !== 'completed' && event.type !== 'attempt-failed') return undefined;
  if (task.refused >= MAX_RECORDED_REFUSALS) return undefined;
  const { v, task_id, at, by, attempt } = event;
  const command = event.type === 'completed' ? 'complete' : 'fail';
  return { v, type: 'refused', task_id, at, command, by, attempt, reason };
}
