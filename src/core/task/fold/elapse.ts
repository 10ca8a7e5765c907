import { nextDue } from './due.ts';
import type { Event } from '../event.ts';
import { evolve } from './evolve.ts';
import { isLastAttempt } from '../retry.ts';
import type { Task } from '../task.ts';

/** The events that only the passing of time has caused by `now`, in order: the end of a delay, a TTL or a lease. */
export function elapse(task: Task, now: number): { readonly task: Task; readonly events: readonly Event[] } {
  const events: Event[] = [];
  let current = task;
  for (let due = nextDue(current); due !== undefined && due <= now; due = nextDue(current)) {
    const event = dueEvent(current, due, now);
    events.push(event);
    current = evolve(current, event).task!;
  }
  return { task: current, events };
}

function dueEvent(task: Task, due: number, now: number): Event {
  const base = { v: 1, task_id: task.id } as const;
  switch (task.status) {
    case 'working':
      return {
        ...base,
        type: 'lease-expired',
        at: now,
        attempt: task.lease.attempt,
        final: isLastAttempt(task),
      };
    // The ends of a delay and of a TTL get the time at which they were due, not the time of this call. So a history does
    // not depend on when it was read, and the TTL of a delayed task begins when the delay is over.
    case 'queued':
      return { ...base, type: 'expired', at: due, recorded_at: now };
    default:
      return { ...base, type: 'became-due', at: due };
  }
}
