import type { Attempt, Completion, Redo, Task } from './task.ts';

/**
 * A finished task without what people and agents wrote: only what is needed to find its evidence. The names of files
 * stay.
 */
export function withoutText(given: Task): Task {
  const { original: _original, ...task } = given;
  const { task_id, from, to, reply_to, type, priority } = task.envelope;
  const bare = {
    envelope: { task_id, from, to, reply_to, type, priority },
    attempts: task.attempts.map(withoutReason),
    ...(task.redone && { redone: task.redone.map(withoutWords) }),
  };
  switch (task.status) {
    case 'completed': {
      return { ...task, ...bare, completion: filesOf(task.completion) };
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

function filesOf({ summary: _summary, result_ref: _ref, ...files }: Completion): Completion {
  return files;
}

function withoutWords({ completion, ...redo }: Redo): Redo {
  return { ...redo, reason: '', completion: filesOf(completion) };
}

function withoutReason(attempt: Attempt): Attempt {
  if (attempt.outcome === undefined) return attempt;
  const { reason: _reason, ...others } = attempt;
  return others;
}
