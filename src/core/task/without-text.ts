import type { Attempt, Task } from './task.ts';

/**
 * A finished task without what people and agents wrote: only what is needed to find its evidence. The names of files
 * stay.
 */
export function withoutText(task: Task): Task {
  const { task_id, from, to, reply_to, type, priority } = task.envelope;
  const bare = {
    envelope: { task_id, from, to, reply_to, type, priority },
    attempts: task.attempts.map(withoutReason),
  };
  switch (task.status) {
    case 'completed': {
      const { summary: _summary, result_ref: _ref, ...completion } = task.completion;
      return { ...task, ...bare, completion };
    }
    case 'failed':
      return { ...task, ...bare, reason: '' };
    case 'cancelled': {
      const { reason: _reason, ...cancelled } = task;
      return { ...cancelled, ...bare };
    }
    default:
      return { ...task, ...bare };
  }
}

function withoutReason(attempt: Attempt): Attempt {
  if (attempt.outcome === undefined) return attempt;
  const { reason: _reason, ...others } = attempt;
  return others;
}
