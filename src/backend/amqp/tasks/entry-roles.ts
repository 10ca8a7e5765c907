import type { Applied } from '../../../core/log/apply-entry.ts';
import { isTaskThing, type LogEvent, type LogKinds } from '../../../core/log/rules.ts';
import { isTaskEvent } from '../../../core/log/subject.ts';
import { presentTask } from '../../../core/task/decision/pruned.ts';

/** The roles of the tasks that an entry changes, before the change. A pruned task has no work queue. */
export const rolesOf = ({ things }: Applied<LogKinds>): string[] =>
  things.filter(isTaskThing).flatMap(({ before, after }) => {
    const task = presentTask(after);
    return task ? [(presentTask(before) ?? task).envelope.to] : [];
  });

/** The roles that tasks are given to. */
export const newRolesOf = (events: readonly LogEvent[]): string[] =>
  events
    .filter(isTaskEvent)
    .flatMap((event) => (event.type === 'edited' && event.set.to !== undefined ? [event.set.to] : []));
