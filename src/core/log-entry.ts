import { MAX_RECORDED_REFUSALS } from './decide.ts';
import type { Event } from './event.ts';
import { evolve } from './evolve.ts';
import type { Task } from './task.ts';

/** What came of one entry of a log that several write to. */
export interface Applied {
  readonly accepted: boolean;
  /** What there is to remember, in order: the events themselves, or the refusals that they folded to. */
  readonly events: readonly Event[];
  /** The tasks that are not as they were. */
  readonly tasks: ReadonlyMap<string, Task>;
}

/**
 * Folds one entry: the events of one decision, which take effect together, or not at all where one of them lost a
 * race. Of a lost entry stays what somebody said about a task in vain, as a refusal; what time brought about and
 * what was merely tried leaves no trace.
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
