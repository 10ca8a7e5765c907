import type { Edits, EventOf } from '../event.ts';
import { isEditable, type Task } from '../task.ts';

/**
 * The task with the values of an edit, or why it is refused: a worker has had it, or another edit came first. So the
 * former values in the event are those that it had.
 */
export function foldEdit(task: Task, event: EventOf<'edited'>): Task | string {
  if (!isEditable(task)) return `it is ${task.status}, or a worker has had it`;
  const { at, set, was, max_attempts } = event;
  const { envelope } = task;
  const isOther = (Object.keys(set) as (keyof Edits)[]).some((field) => envelope[field] !== was[field]);
  if (isOther) return 'it was edited meanwhile';
  const { max_attempts: former, ...kept } = task;
  const most = set.to === undefined ? former : max_attempts;
  return {
    ...kept,
    envelope: { ...envelope, ...set },
    original: task.original ?? envelope,
    ...(most !== undefined && { max_attempts: most }),
    updated_at: at,
  };
}
