import type { Thing } from './draft.ts';
import type { EventOf, Rules } from './kind.ts';
import { kinds, type LogKinds } from './kinds.ts';
import { decidesOnTasks, forbid, react } from './react.ts';
import { isTask } from './subject.ts';

/** The kinds of things in the log, and what follows from their changes. */
export const rules: Rules<LogKinds> = {
  kinds,
  react,
  forbid,
  decidesOnTasks,
  forms: async () => (await import('./forms.ts')).forms,
};

export type { LogKinds };
export type LogRules = Rules<LogKinds>;
export type LogEvent = EventOf<LogKinds>;

type LogThing = Thing<LogKinds>;

export const isTaskThing = (thing: LogThing): thing is Extract<LogThing, { kind: 'task' }> => isTask(thing);
