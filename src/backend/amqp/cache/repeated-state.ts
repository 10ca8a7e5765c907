import { isDeepStrictEqual } from 'node:util';
import type { Task } from '../../../core/task/task.ts';

/**
 * Whether a repeated state of a task is the state that this cache has derived. From the same entries, older versions of
 * agentq derive another `updated_at` after a refusal, no length of a lease, and no time at which an end was recorded.
 */
export function isRepeatOf(known: Task, repeated: Task): boolean {
  return isDeepStrictEqual(comparable(known), comparable(repeated));
}

/** As in an entry, without members that are undefined, and without what depends on the version. */
function comparable(task: Task): unknown {
  return JSON.parse(JSON.stringify({ ...withoutNewer(task), updated_at: undefined }));
}

function withoutNewer(task: Task): object {
  switch (task.status) {
    case 'working':
      return { ...task, lease: { ...task.lease, seconds: undefined } };
    case 'expired':
      return { ...task, recorded_at: undefined };
    default:
      return task;
  }
}
