import { isDeepStrictEqual } from 'node:util';
import type { Task } from '../../../core/task/task.ts';

/**
 * Whether a repeated state of a task is the state that this cache has derived. Older versions of agentq derive another
 * `updated_at` from a refusal, and no length of a lease, from the same entries.
 */
export function isRepeatOf(known: Task, repeated: Task): boolean {
  return isDeepStrictEqual(comparable(known), comparable(repeated));
}

function comparable(task: Task): unknown {
  const state =
    task.status === 'working'
      ? { ...task, updated_at: undefined, lease: { ...task.lease, seconds: undefined } }
      : { ...task, updated_at: undefined };
  // As in an entry: without members that are undefined.
  return JSON.parse(JSON.stringify(state));
}
