import { carries } from '../task/carries.ts';
import type { Event as TaskEvent } from '../task/event.ts';
import { lostEvent } from '../task/decision/lost-event.ts';
import { evolveKnown, isPruned, type KnownTask } from '../task/decision/pruned.ts';
import type { EventOf, Kind, Rules } from './kind.ts';
import { react } from './react.ts';

const task: Kind<KnownTask, TaskEvent> = {
  evolve: evolveKnown,
  lost: (task, event, reason) => (isPruned(task) ? undefined : lostEvent(task, event, reason)),
  carries: (task) => !isPruned(task) && carries(task),
  outcome: (task) => (isPruned(task) || !carries(task) ? task.status : undefined),
};

/** The kinds of things that the log contains. */
export const rules: Rules<{ task: typeof task }> = {
  kinds: { task },
  react,
  forms: async () => (await import('./forms.ts')).forms,
};

export type LogKinds = (typeof rules)['kinds'];
export type LogRules = Rules<LogKinds>;
export type LogEvent = EventOf<LogKinds>;
