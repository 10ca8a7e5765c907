import type { Event } from '../../../core/task/event.ts';
import { isTaskEvent } from '../../../core/log/subject.ts';
import type { LogEntry } from '../wire/message/decode.ts';

/** The roles and topics to wake when an entry has appeared. It may have had no effect: a ring guarantees no change. */
export function interestOf(entry: LogEntry): { readonly roles: readonly string[]; readonly finished: boolean } {
  switch (entry.kind) {
    case 'due':
      return { roles: [entry.role], finished: false };
    case 'result':
      return { roles: [], finished: true };
    case 'skip':
    case 'snapshot':
    case 'newer':
    case 'unreadable':
      return { roles: [], finished: false };
    case 'events': {
      const { events, roles } = entry;
      const tasks = events.filter(isTaskEvent);
      // A note without events that names a role states that a token is in the queue.
      const ready = events.length === 0 || tasks.some(makesReady);
      return { roles: ready ? roles : [], finished: tasks.some(ends) };
    }
    default:
      return entry satisfies never;
  }
}

function makesReady(event: Event): boolean {
  switch (event.type) {
    case 'submitted':
    case 'became-due':
    case 'released':
    case 'retried':
    case 'cancelled':
      return true;
    case 'attempt-failed':
      return event.retry_at !== null;
    case 'lease-expired':
      return !event.final;
    default:
      return false;
  }
}

function ends(event: Event): boolean {
  switch (event.type) {
    case 'completed':
    case 'cancelled':
    case 'expired':
      return true;
    case 'attempt-failed':
      return event.retry_at === null;
    case 'lease-expired':
      return event.final;
    default:
      return false;
  }
}
