import { waitingForBudgets } from '../../app/budget/books.ts';
import { findTask } from '../../app/change/apply-command.ts';
import type { Services } from '../../app/workspace/services.ts';
import type { Filter } from '../../backend/backend.ts';
import { formatMoment } from '../../core/duration.ts';
import { describeStuck, type Stuck } from '../../core/task/stuck.ts';
import type { Task } from '../../core/task/task.ts';
import { parseFlags } from '../input/flags.ts';
import { addListOptions, ListFlags, listFilter, nextPage } from '../input/list-options.ts';
import type { Io } from '../output/io.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { shellWord } from '../output/shell-word.ts';
import { type Column, printTable } from '../output/table.ts';
import { colourOf, headline } from '../output/report/task-text.ts';
import { taskView } from '../output/views.ts';
import { hintAtRoles } from '../role-hint.ts';
import type { Define } from '../verb.ts';

/** A task of a list, and why it seems to be stuck, if that was asked. */
interface Listed {
  readonly task: Task;
  readonly stuck?: Stuck;
}

export const define: Define = (command, context) =>
  addListOptions(command).action(async (options) => {
    const flags = parseFlags(ListFlags, options);
    const { before, limit = 100, to: role } = flags;
    const cli = context();
    const services = await cli.services();
    if (before !== undefined) await findTask(services, before);
    const { now } = services.backend;
    const listed = await tasksOf(services, { ...listFilter(flags, now), limit }, flags.stuck ?? false);
    const isMisspelt = listed.length === 0 && role !== undefined && (await hintAtRoles(cli.io, services, [role])) > 0;
    const next = listed.length === limit ? listed.at(-1)?.task.id : undefined;
    if (cli.io.json) {
      const { stuckView } = await import('../output/report/stuck-view.ts');
      const waiting = await waitingForBudgets(
        services,
        listed.map(({ task }) => task),
      );
      const tasks = listed.map(({ task, stuck }) => ({
        ...taskView(services.store, task),
        waits_for_budget: waiting.get(task.id),
        ...(stuck && { stuck: stuckView(stuck, now) }),
      }));
      return cli.io.data({ tasks, ...(next && { next }) } satisfies Output<'list'>);
    }
    if (!isMisspelt) await printTasks(cli.io, listed, now);
    if (next === undefined || !cli.io.delivered) return;
    const words = ['agentq', 'list', ...nextPage(flags, next, now)];
    cli.io.hint(`there may be more: ${words.map(shellWord).join(' ')}`);
  });

async function tasksOf(services: Services, filter: Filter, isStuck: boolean): Promise<readonly Listed[]> {
  if (!isStuck) return (await services.backend.list(filter)).map((task) => ({ task }));
  const { stuckTasks } = await import('../../app/stuck/stuck-tasks.ts');
  const found: Listed[] = [];
  const { limit, ...rest } = filter;
  for await (const one of stuckTasks(services, rest)) if (found.push(one) === limit) break;
  return found;
}

/** The length of a headline for an output that is no terminal, in characters. */
const HEADLINE = 60;

/** A table of tasks, for people. Only a list with scheduled tasks, or with stuck ones, has a column for them. */
async function printTasks(io: Io, listed: readonly Listed[], now: number): Promise<void> {
  if (listed.length === 0) return io.talk('no tasks');
  const startOf = ({ task }: Listed) => (task.status === 'scheduled' ? formatMoment(task.due_at, now) : '');
  const starts: Column<Listed> = { title: 'STARTS', cell: startOf };
  const isStuck = listed.some(({ stuck }) => stuck);
  const headlineOf = ({ task }: Listed) => headline(task, io.width === Infinity ? HEADLINE : io.width);
  await printTable(io, listed, [
    { title: 'ID', content: 'id', cell: ({ task }) => task.id, paint: (_task, style) => style.bold },
    { title: 'STATUS', cell: ({ task }) => task.status, paint: ({ task }, style) => colourOf(style, task) },
    ...(listed.some((one) => startOf(one) !== '') ? [starts] : []),
    { title: 'FROM', content: 'name', drop: 1, cell: ({ task }) => task.envelope.from },
    { title: 'TO', content: 'name', drop: 4, cell: ({ task }) => task.envelope.to },
    { title: 'TRIES', align: 'right', drop: 2, cell: ({ task }) => String(task.attempts.length) },
    { title: 'UPDATED', drop: 3, cell: ({ task }) => formatMoment(task.updated_at, now) },
    isStuck
      ? { title: 'STUCK', content: 'text', cell: ({ stuck }) => (stuck ? describeStuck(stuck, now) : '') }
      : { title: 'WHAT', content: 'text', cell: headlineOf },
  ]);
}
