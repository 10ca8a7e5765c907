import type { Event } from '../task/event.ts';
import { type Message, messagesOf } from '../task/messages.ts';
import { type KnownTask, presentTask } from '../task/decision/pruned.ts';

interface TaskChange {
  readonly event: Event;
  readonly before: KnownTask | undefined;
  readonly after: KnownTask;
}

/** What follows from a change of a thing in the log. The only place that decides it, for all backends. */
export function react({ event, before, after }: TaskChange): { readonly messages: readonly Message[] } {
  return { messages: messagesOf(presentTask(before), presentTask(after), event) };
}
