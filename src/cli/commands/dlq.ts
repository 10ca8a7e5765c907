import * as z from 'zod/mini';
import { applyToEach } from '../../app/change/apply-to-each.ts';
import { applyToDead } from '../../app/change/dead-letters.ts';
import { findTask } from '../../app/change/apply-command.ts';
import { formatMoment } from '../../core/duration.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { finishedAt, isDead, isFinished, type Task } from '../../core/task/task.ts';
import type { Context } from '../context.ts';
import { limitOf, parseFlags } from '../input/flags.ts';
import type { Io } from '../output/io.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { printEach } from '../each-task.ts';
import { hintAtRoles } from '../role-hint.ts';
import { printTable } from '../output/table.ts';
import { colourOf, FACT, taskLines } from '../output/report/task-text.ts';
import { taskView } from '../output/views.ts';
import { visible } from '../output/visible.ts';

const ListFlags = z.object({ to: z.optional(name('role')), limit: z.optional(limitOf()) });
const Which = z.object({ all: z.optional(z.boolean()), from: z.optional(name('agent name')) });

export const define: Define = (command, context) => {
  for (const lister of [command, command.command('list', { hidden: true })]) {
    lister
      .option('--to <role>', 'only those of this role')
      .option('--limit <n>', 'how many at most, newest first (default: 100)')
      .action((options) => list(context(), options));
  }
  command
    .command('show <id>')
    .description('print one dead letter, with the reason of every attempt')
    .action((id: string) => show(context(), id));
  for (const [verb, type, what] of [
    ['retry', 'retry', 'return dead letters to the queue, with new attempts'],
    ['purge', 'dismiss', 'remove dead letters from the list; their history stays'],
  ] as const) {
    command
      .command(`${verb} [ids...]`)
      .description(what)
      .option('--all', 'all of them')
      .option('--from <agent>', 'who does it, for the history (AGENTQ_AGENT, else person)')
      .action((ids: string[], options) => change(context(), type, ids, options));
  }
};

async function list(cli: Context, options: unknown): Promise<void> {
  const { to: role, limit = 100 } = parseFlags(ListFlags, options);
  const services = await cli.services();
  const { backend, store } = services;
  const tasks = await backend.list({ dead: true, limit, ...(role && { role }) });
  const isMisspelt = tasks.length === 0 && role !== undefined && (await hintAtRoles(cli.io, services, [role])) > 0;
  if (cli.io.json) return cli.io.data({ tasks: tasks.map((task) => taskView(store, task)) } satisfies Output<'dlq'>);
  if (tasks.length === 0) return isMisspelt ? undefined : cli.io.talk('no dead letters');
  await printDead(cli.io, tasks, backend.now);
}

async function printDead(io: Io, tasks: readonly Task[], now: number): Promise<void> {
  await printTable(io, tasks, [
    { title: 'ID', content: 'id', cell: ({ id }) => id, paint: (_task, style) => style.bold },
    { title: 'STATUS', cell: ({ status }) => status, paint: (task, style) => colourOf(style, task) },
    { title: 'TO', content: 'name', drop: 3, cell: ({ envelope }) => envelope.to },
    { title: 'ATTEMPTS', align: 'right', drop: 1, cell: ({ attempts }) => String(attempts.length) },
    {
      title: 'SINCE',
      drop: 2,
      cell: (task) => formatMoment(isFinished(task) ? finishedAt(task) : task.updated_at, now),
    },
    { title: 'REASON', content: 'text', cell: (task) => visible(reasonOf(task)) },
  ]);
}

function reasonOf(task: Task): string {
  return task.status === 'failed' ? task.reason : 'its TTL passed before it was started';
}

async function show(cli: Context, id: string): Promise<void> {
  const services = await cli.services();
  const task = await findTask(services, id);
  if (!isDead(task))
    throw new AgentqError('conflict', `${id} is ${task.status} and no dead letter`, `agentq status ${id}`);
  if (cli.io.json) return cli.io.data(taskView(services.store, task) satisfies Output<'dlq show'>);
  const style = await cli.io.style();
  for (const line of taskLines(task, services.backend.now, style)) cli.io.prose(line, FACT);
  for (const { outcome, artifacts = [] } of task.attempts.filter((attempt) => attempt.outcome !== undefined)) {
    for (const { name, path } of artifacts)
      cli.io.prose(`${style.dim(outcome.padEnd(10))} ${visible(`${name}: ${services.store.placeOf(path)}`)}`, FACT);
  }
}

async function change(
  cli: Context,
  type: 'retry' | 'dismiss',
  ids: readonly string[],
  options: unknown,
): Promise<void> {
  const { all = false, from } = parseFlags(Which, options);
  if (all === ids.length > 0) throw new AgentqError('usage', 'it is not said which', 'give their ids, or --all');
  const services = await cli.services();
  const by = (await cli.author(from)) ?? 'person';
  const outcomes = all ? applyToDead(services, { type, by }) : applyToEach(services, ids, { type, by });
  await printEach(cli.io, outcomes, ({ status }) => (type === 'retry' ? status : 'purged'));
}
