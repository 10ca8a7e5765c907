import { findTask } from '../../app/apply-command.ts';
import type { Event } from '../../core/task/event.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';
import { story } from '../output/story.ts';
import { FACT, taskLines } from '../output/task-text.ts';
import { iso, taskView } from '../output/views.ts';

export const define: Define = (command, context) =>
  command.argument('<id>').action(async (id: string) => {
    const cli = context();
    const { io } = cli;
    const services = await cli.services();
    const task = await findTask(services, id);
    const events = await services.backend.history(id);
    if (io.json) {
      const view = {
        task: taskView(services.store, task),
        envelope: task.envelope,
        events: events.map(eventView),
      };
      return io.data(view satisfies Output<'show'>);
    }
    const style = await io.style();
    for (const line of taskLines(task, services.backend.now, style, true)) io.prose(line, FACT);
    io.line('');
    for (const { text, hang } of story(task, events, style, io.width)) io.prose(text, hang);
  });

/** Every time in an event is called `at` or `…_at`. A time that is null is left out. */
function eventView({ v: _v, task_id: _id, ...event }: Event): Output<'show'>['events'][number] {
  const fields = Object.entries(event)
    .filter(([, value]) => value !== null)
    .map(([field, value]) => [field, /(^|_)at$/.test(field) && typeof value === 'number' ? iso(value) : value]);
  return Object.fromEntries(fields) as Output<'show'>['events'][number];
}
