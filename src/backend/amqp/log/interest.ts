import type { Event } from '../../../core/task/event.ts';
import { POLICY } from '../../../core/policy/policy.ts';
import { isTaskEvent, subjectOf } from '../../../core/log/subject.ts';
import type { Topic } from '../../backend.ts';
import type { LogEntry } from '../wire/message/decode.ts';

/**
 * The topics to wake when an entry has appeared, or every topic. It may have had no effect: a ring guarantees no change.
 */
export function topicsOf(entry: LogEntry): readonly Topic[] | 'every' {
  switch (entry.kind) {
    case 'due':
      return [{ role: entry.role }, 'changed'];
    case 'result':
      return ['finished', 'changed'];
    case 'skip':
    case 'snapshot':
    case 'newer':
    case 'unreadable':
      return [];
    case 'events': {
      const { events, roles, seen } = entry;
      // Another budget may allow what has waited.
      if (events.some((event) => subjectOf(event).kind === POLICY.kind)) return 'every';
      const tasks = events.filter(isTaskEvent);
      // A note without events that names a role states that a token is in the queue.
      const ready = events.length === 0 || tasks.some(makesReady) || tasks.some(mayStop);
      return [
        ...(ready ? roles.map((role) => ({ role })) : []),
        ...(tasks.some(ends) || tasks.some(mayStop) ? (['finished'] as const) : []),
        // A marker changes nothing: a caller that reads at each ring would read for ever.
        ...(events.length > 0 || seen ? (['changed'] as const) : []),
      ];
    }
    default:
      return entry satisfies never;
  }
}

/** A reported cost may be more than a budget: then the task is cancelled. */
const mayStop = (event: Event): boolean => 'cost' in event && event.cost !== undefined;

function makesReady(event: Event): boolean {
  switch (event.type) {
    case 'submitted':
    case 'became-due':
    case 'released':
    case 'retried':
    case 'redone':
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
