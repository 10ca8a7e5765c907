import type { Event } from '../task/event.ts';
import { type Message, messagesOf } from '../task/messages.ts';
import type { Task } from '../task/task.ts';

interface TaskChange {
  readonly event: Event;
  readonly before: Task | undefined;
  readonly after: Task;
}

/** What follows from a change of a thing in the log. The only place that decides it, for all backends. */
export function react({ event, before, after }: TaskChange): { readonly messages: readonly Message[] } {
  return { messages: messagesOf(before, after, event) };
}
