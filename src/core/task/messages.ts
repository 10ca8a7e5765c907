import type { Event } from './event.ts';
import { isDead, isFinished, type Task } from './task.ts';

/**
 * A message that follows from a change of a task: its result message, or its message in the queue of dead letters.
 * `due`: it is now to be sent. `withdrawn`: it no longer holds, because the task was taken back or pruned.
 */
export interface Message {
  readonly type: 'result' | 'dead-letter';
  readonly state: 'due' | 'withdrawn';
  readonly task: Task;
  /** The event that caused it. */
  readonly cause: Event;
}

/** The messages that follow from one event of a task. @param after undefined if the task was pruned */
export function messagesOf(before: Task | undefined, after: Task | undefined, cause: Event): readonly Message[] {
  // The messages of a task that was pruned no longer hold.
  const task = after ?? before;
  if (!task) return [];
  const messages: Message[] = [];
  const add = (type: Message['type'], was: boolean, is: boolean) => {
    if (was !== is) messages.push({ type, state: is ? 'due' : 'withdrawn', task, cause });
  };
  add('result', before !== undefined && isFinished(before), after !== undefined && isFinished(after));
  add('dead-letter', before !== undefined && isDead(before), after !== undefined && isDead(after));
  return messages;
}

/** What is said of a completion that delivered nothing. */
export const EMPTY = 'empty: no summary, result or artifact';
