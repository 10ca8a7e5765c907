import type { Event } from './event.ts';
import { isDead, isFinished, type Task } from './task.ts';

/**
 * A message that follows from a change of a task: its result message, or its message in the queue of dead letters.
 * `due`: it is now to be sent. `withdrawn`: it no longer holds, because the task was taken back.
 */
export interface Message {
  readonly type: 'result' | 'dead-letter';
  readonly state: 'due' | 'withdrawn';
  readonly task: Task;
  /** The event that caused it. */
  readonly cause: Event;
}

/** The messages that follow from one event of a task. */
export function messagesOf(before: Task | undefined, task: Task, cause: Event): readonly Message[] {
  const messages: Message[] = [];
  const add = (type: Message['type'], was: boolean, is: boolean) => {
    if (was !== is) messages.push({ type, state: is ? 'due' : 'withdrawn', task, cause });
  };
  add('result', before !== undefined && isFinished(before), isFinished(task));
  add('dead-letter', before !== undefined && isDead(before), isDead(task));
  return messages;
}
