import { MAX_RECORDED_REFUSALS } from './decide.ts';
import type { Event } from './event.ts';
import { evolve } from './evolve.ts';
import type { Task } from './task.ts';

/** The result of folding one entry of a log with several writers. */
export interface Applied {
  readonly accepted: boolean;
  /** The events to record, in order: the events of the entry, or the refusals that they folded to. */
  readonly events: readonly Event[];
  /** The tasks that have changed. */
  readonly tasks: ReadonlyMap<string, Task>;
}

/**
 * Folds one entry: the events of one decision. Either all of them take effect or, if one of them lost a race, none. A
 * rejected completion or failure is recorded as a refusal. Rejected events of time and rejected claims leave no trace.
 */
export function applyEntry(events: readonly Event[], find: (id: string) => Task | undefined): Applied {
  const tasks = new Map<string, Task>();
  const now = (id: string) => tasks.get(id) ?? find(id);
  for (const event of events) {
    const { task, refused } = evolve(now(event.task_id), event);
    if (refused !== undefined) return lost(events, refused, find);
    if (task) tasks.set(event.task_id, task);
  }
  return { accepted: true, events, tasks };
}

function lost(events: readonly Event[], reason: string, find: (id: string) => Task | undefined): Applied {
  const tasks = new Map<string, Task>();
  const kept: Event[] = [];
  for (const event of events) {
    if (event.type !== 'completed' && event.type !== 'attempt-failed') continue;
    const { v, task_id, at, by, attempt } = event;
    const task = tasks.get(task_id) ?? find(task_id);
    if (!task || task.refused >= MAX_RECORDED_REFUSALS) continue;
    const command = event.type === 'completed' ? 'complete' : 'fail';
    const refusal: Event = { v, type: 'refused', task_id, at, command, by, attempt, reason };
    kept.push(refusal);
    tasks.set(task_id, evolve(task, refusal).task!);
  }
  return { accepted: false, events: kept, tasks };
}
