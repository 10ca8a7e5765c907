import type { EventOf } from '../event.ts';
import type { Task, TaskFacts } from '../task.ts';

/** The task that a submit begins. */
export function newTask(event: EventOf<'submitted'>): Task {
  const { envelope, context, due_at, max_attempts, attempts_above } = event;
  const facts: TaskFacts = {
    id: event.task_id,
    envelope,
    ...(context && { context }),
    ...(max_attempts !== undefined && { max_attempts }),
    submitted_at: event.at,
    updated_at: event.at,
    attempts: [],
    forgiven: 0,
    ...(attempts_above !== undefined && { attempts_above }),
    refused: 0,
  };
  return due_at !== undefined && due_at > event.at
    ? { ...facts, status: 'scheduled', due_at, why: 'delay' }
    : { ...facts, status: 'queued', ready_at: event.at };
}
