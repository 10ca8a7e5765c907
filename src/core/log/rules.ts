import { carries } from '../task/carries.ts';
import type { Event as TaskEvent } from '../task/event.ts';
import { evolve } from '../task/evolve.ts';
import { lostEvent } from '../task/lost-event.ts';
import type { Task } from '../task/task.ts';
import type { EventOf, Kind, Rules } from './kind.ts';
import { react } from './react.ts';

const task: Kind<Task, TaskEvent> = {
  evolve(before, event) {
    const { task, ...refused } = evolve(before, event);
    return { state: task, ...refused };
  },
  lost: lostEvent,
  carries,
};

/** The kinds of things that the log contains. */
export const rules = { kinds: { task }, react } satisfies Rules<{ task: typeof task }>;

export type LogKinds = (typeof rules)['kinds'];
export type LogRules = Rules<LogKinds>;
export type LogEvent = EventOf<LogKinds>;
