import type { Envelope } from '../../envelope/envelope.ts';
import type { Edits } from '../event.ts';
import { isEditable, isFinished, type Task } from '../task.ts';
import { happened, nothing, refuse, type Rule } from './verdict.ts';

/** Changes the envelope of a task that no worker has begun. */
export const edit: Rule<'edit'> = (task, { by, reason, set, max_attempts }, given) => {
  const { envelope } = task;
  const fields = (Object.keys(set) as (keyof Edits)[]).filter((field) => set[field] !== envelope[field]);
  // Also if it has begun since: a repetition, because the answer was lost, is no error.
  if (fields.length === 0) return nothing;
  if (!isEditable(task)) {
    return refuse('conflict', `${task.id} ${progressOf(task)}: it can no longer be edited`, otherWay(task));
  }
  const { ttl_seconds } = set;
  if (task.status === 'queued' && ttl_seconds !== undefined && task.ready_at + ttl_seconds * 1_000 <= given.now) {
    return refuse(
      'conflict',
      `with this TTL ${task.id} would have expired already`,
      `the TTL counts from ${new Date(task.ready_at).toISOString()}; to end the task: agentq cancel ${task.id}`,
    );
  }
  return happened({
    type: 'edited',
    by,
    ...(reason !== undefined && { reason }),
    set: pick(set, fields),
    was: pick(envelope, fields),
    ...(set.to !== undefined && max_attempts !== undefined && { max_attempts }),
  });
};

function progressOf(task: Task): string {
  if (task.status === 'working') return `is in work by ${task.lease.worker}`;
  return task.status === 'queued' || task.status === 'scheduled' ? 'has had a worker' : `is ${task.status}`;
}

function otherWay(task: Task): string {
  return isFinished(task) ? 'submit another task' : `cancel it and submit another: agentq cancel ${task.id}`;
}

function pick(from: Edits | Envelope, fields: readonly (keyof Edits)[]): Edits {
  return Object.fromEntries(fields.flatMap((field) => (from[field] === undefined ? [] : [[field, from[field]]])));
}
