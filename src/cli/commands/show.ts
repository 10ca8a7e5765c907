import { waitsForBudget } from '../../app/budget/books.ts';
import { findTask } from '../../app/change/apply-command.ts';
import { logOf } from '../../app/logs/attempt-log.ts';
import type { Services } from '../../app/workspace/services.ts';
import { counted } from '../../core/counted.ts';
import type { Event } from '../../core/task/event.ts';
import type { Task } from '../../core/task/task.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { story } from '../output/report/story.ts';
import { FACT, factLine, taskLines } from '../output/report/task-text.ts';
import { iso, taskView } from '../output/views.ts';

export const define: Define = (command, context) =>
  command.argument('<id>').action(async (id: string) => {
    const cli = context();
    const { io } = cli;
    const services = await cli.services();
    const task = await findTask(services, id);
    const held = await waitsForBudget(services, task);
    const events = await services.backend.history(id);
    const logs = logsOf(services, task);
    const unrecorded = logs.flatMap(({ attempt, file }) => (file === undefined ? [] : [{ attempt, file }]));
    if (io.json) {
      const view = {
        task: { ...taskView(services.store, task), ...(held !== undefined && { waits_for_budget: held }) },
        envelope: task.envelope,
        events: events.map(eventView),
        ...(unrecorded.length > 0 && { unrecorded_logs: unrecorded }),
      };
      return io.data(view satisfies Output<'show'>);
    }
    const style = await io.style();
    for (const line of taskLines(task, services.backend.now, style, { historyFollows: true, held }))
      io.prose(line, FACT);
    for (const { attempt, file, evidence } of logs) {
      const where = evidence ? `${evidence.path}, ${counted(evidence.size, 'byte')}` : `${file}, not recorded`;
      io.prose(factLine(style, `log ${attempt}`, where), FACT);
    }
    io.line('');
    for (const { text, hang } of story(task, events, style, io.width)) io.prose(text, hang);
  });

/** The logs of all attempts, without those that are artifacts of the completion. */
function logsOf(services: Services, task: Task) {
  const delivered = task.status === 'completed' ? task.completion.artifacts : [];
  return task.attempts.flatMap(({ number }) => {
    const log = logOf(services, task, number);
    return !log || (log.evidence && delivered.includes(log.evidence)) ? [] : [{ attempt: number, ...log }];
  });
}

/** Every time in an event is called `at` or `…_at`. A time that is null is left out. */
function eventView({ v: _v, task_id: _id, ...event }: Event): Output<'show'>['events'][number] {
  const fields = Object.entries(event)
    .filter(([, value]) => value !== null)
    .map(([field, value]) => [field, /(^|_)at$/.test(field) && typeof value === 'number' ? iso(value) : value]);
  return Object.fromEntries(fields) as Output<'show'>['events'][number];
}
