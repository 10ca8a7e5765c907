import * as z from 'zod/mini';
import { findTask } from '../../app/apply-command.ts';
import { formatMoment } from '../../core/duration.ts';
import { name } from '../../core/identifiers.ts';
import { statuses, type Task } from '../../core/task/task.ts';
import { limitOf, names, parseFlags } from '../input/flags.ts';
import type { Io } from '../output/io.ts';
import { hintAtRoles } from '../role-hint.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';
import { colourOf, headline } from '../output/task-text.ts';
import { printTable } from '../output/table.ts';
import { taskView } from '../output/views.ts';

const Flags = z.object({
  from: z.optional(name('agent name')),
  to: z.optional(name('role')),
  status: z.optional(z.pipe(names(), z.array(z.enum(statuses, { error: `is not one of ${statuses.join(', ')}` })))),
  limit: z.optional(limitOf()),
  before: z.optional(name('task id')),
});

export const define: Define = (command, context) =>
  command
    .option('--from <agent>', 'only those that this agent submitted')
    .option('--to <role>', 'only those of this role')
    .option('--status <statuses>', 'only those with these statuses: queued,working')
    .option('--limit <n>', 'how many at most, newest first (default: 100)')
    .option('--before <id>', 'only those submitted before this task: the next page')
    .action(async (options) => {
      const { from, to: role, status, limit = 100, before } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      if (before !== undefined) await findTask(services, before);
      const filter = {
        ...(from && { from }),
        ...(role && { role }),
        ...(status && { statuses: status }),
        ...(before && { before }),
      };
      const tasks = await services.backend.list({ ...filter, limit });
      const isMisspelt = tasks.length === 0 && role !== undefined && (await hintAtRoles(cli.io, services, [role])) > 0;
      const next = tasks.length === limit ? tasks.at(-1)?.id : undefined;
      if (cli.io.json) {
        const views = tasks.map((task) => taskView(services.store, task));
        cli.io.data({ tasks: views, ...(next && { next }) } satisfies Output<'list'>);
      } else {
        if (!isMisspelt) await printTasks(cli.io, tasks, services.backend.now);
        if (next !== undefined && cli.io.delivered) cli.io.talk(`there may be more: agentq list --before ${next}`);
      }
    });

/** The length of a headline for an output that is no terminal, in characters. */
const HEADLINE = 60;

/** A table of tasks, for people. */
async function printTasks(io: Io, tasks: readonly Task[], now: number): Promise<void> {
  if (tasks.length === 0) return io.talk('no tasks');
  await printTable(io, tasks, [
    { title: 'ID', content: 'id', cell: ({ id }) => id, paint: (_task, style) => style.bold },
    { title: 'STATUS', cell: ({ status }) => status, paint: (task, style) => colourOf(style, task) },
    { title: 'FROM', content: 'name', drop: 1, cell: ({ envelope }) => envelope.from },
    { title: 'TO', content: 'name', drop: 4, cell: ({ envelope }) => envelope.to },
    { title: 'TRIES', align: 'right', drop: 2, cell: ({ attempts }) => String(attempts.length) },
    { title: 'UPDATED', drop: 3, cell: (task) => formatMoment(task.updated_at, now) },
    { title: 'WHAT', content: 'text', cell: (task) => headline(task, io.width === Infinity ? HEADLINE : io.width) },
  ]);
}
