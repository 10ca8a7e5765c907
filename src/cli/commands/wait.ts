import * as z from 'zod/mini';
import { blockingBudgets } from '../../app/budget/blocking-budgets.ts';
import { openOfOthers } from '../../app/agent-brief/open-of-others.ts';
import { waitingForBudgets } from '../../app/budget/books.ts';
import { answered, waitFor } from '../../app/wait/wait.ts';
import { openTasks, type Scope, waitForAny } from '../../app/wait/wait-any.ts';
import { cursorOf, placeIn } from '../../app/wait/wait-cursor.ts';
import type { Services } from '../../app/workspace/services.ts';
import { AgentqError, type ErrorCode } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { finishedStatuses, isFinished, type Status, type Task } from '../../core/task/task.ts';
import type { Context } from '../context.ts';
import { duration, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import { untilSignal } from '../process/signals.ts';
import type { Output } from '../output/schemas/outputs.ts';
import type { Io } from '../output/io.ts';
import { howItEnded, howItStands } from '../output/report/how-it-stands.ts';
import { taskView } from '../output/views.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({
  any: z.optional(z.boolean()),
  all: z.optional(z.boolean()),
  from: z.optional(name('agent name')),
  since: z.optional(z.string()),
  timeout: z.optional(duration()),
});
type Flags = z.infer<typeof Flags>;

/** How many ended tasks one answer tells with `--from`: those that ended last at first, and the next ones after a cursor. */
const TOLD = { first: 20, next: 100 };

/** The exit code for each final status. */
const codeOf: Partial<Record<Status, ErrorCode>> = {
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
};

export const define: Define = (command, context) =>
  command
    .argument('[ids...]')
    .option('--all', 'until all of them have ended (the default)')
    .option('--any', 'until one of them has ended; prints only those that have')
    .option('--since <cursor>', 'with --any: only what has ended since the answer that printed this cursor')
    .option('--from <agent>', 'instead of ids: the open tasks of this agent; me for your own')
    .option('--timeout <duration>', 'how long to wait at most')
    .action(async (ids: string[], options) => {
      const flags = parseFlags(Flags, options);
      const cli = context();
      const scope = scopeOf(ids, flags);
      const services = await cli.services();
      const deadline = flags.timeout === undefined ? Infinity : services.monotonic() + flags.timeout;
      await (flags.any || flags.since !== undefined
        ? waitAny(cli, services, scope, flags.since, deadline)
        : waitAll(cli, services, scope, deadline));
    });

function scopeOf(ids: readonly string[], { any, all, since, from }: Flags): Scope {
  if (all && (any || since !== undefined))
    throw new AgentqError('usage', '--all excludes --any and --since', 'give one of them');
  if (ids.length > 0 === (from !== undefined))
    throw new AgentqError('usage', 'it is not said which tasks', 'give their ids, or --from AGENT');
  if (from === undefined) return { ids };
  return { from };
}

async function waitAll(cli: Context, services: Services, scope: Scope, deadline: number): Promise<void> {
  const ids =
    scope.from === undefined
      ? scope.ids
      : (await answered(services, openTasks(services, scope), deadline)).map(({ id }) => id);
  let interrupted = false;
  const tasks = await untilSignal(cli.system, async (signal) => {
    const current = await waitFor(services, { ids, deadline, signal });
    interrupted = signal.aborted;
    return current;
  });
  const ended = tasks.filter(isFinished);
  const done = ended.length === tasks.length;
  if (cli.io.json) {
    const held = await answered(services, waitingForBudgets(services, tasks), deadline);
    const view = (task: Task) => ({ ...taskView(services.store, task), waits_for_budget: held.get(task.id) });
    cli.io.data({ done, tasks: tasks.map(view) } satisfies Output<'wait'>);
  }
  // A program reads the same from the JSON output.
  if (!cli.io.json) {
    const areMany = scope.from !== undefined || ids.length > 1;
    for (const task of ended)
      tellEnd(cli.io, task, areMany, howItEnded(task, services.backend.now, services.store, cli.io));
    if (!done) {
      const open = tasks.filter((task) => !isFinished(task));
      const why = interrupted ? 'interrupted' : 'timeout';
      const usedUp = await answered(services, budgetsOf(services, { ids: open.map(({ id }) => id) }), deadline);
      tellPending(cli.io, services, open, { open: open.length, total: tasks.length, why, usedUp });
    }
    if (tasks.length === 0) cli.io.talk(await nothingOpen(services, scope));
  }
  tell(done, ended);
}

async function waitAny(
  cli: Context,
  services: Services,
  scope: Scope,
  since: string | undefined,
  deadline: number,
): Promise<void> {
  const { io } = cli;
  const after = since === undefined ? undefined : placeIn(since, scope);
  const limit = scope.from === undefined ? scope.ids.length : after === undefined ? TOLD.first : TOLD.next;
  let interrupted = false;
  const { tasks, open, place, more, earlier } = await untilSignal(cli.system, async (signal) => {
    const current = await waitForAny(services, { scope, after, limit, deadline, signal });
    interrupted = signal.aborted;
    return current;
  });
  const cursor = cursorOf(scope, place);
  const done = tasks.length > 0;
  const usedUp = done || open === 0 ? [] : await answered(services, budgetsOf(services, scope), deadline);
  if (io.json)
    io.data({
      done,
      tasks: tasks.map((task) => taskView(services.store, task)),
      pending: open,
      cursor,
      ...(more && { more }),
      ...(usedUp.length > 0 && { budgets_used_up: [...usedUp] }),
      ...(earlier > 0 && { earlier }),
    } satisfies Output<'wait'>);
  else {
    const only = scope.from === undefined && scope.ids.length === 1 ? tasks[0] : undefined;
    if (only && isFinished(only)) io.talk(howItEnded(only, services.backend.now, services.store, io));
    else {
      for (const task of tasks) io.line(`${task.id} ${task.status}`);
      for (const task of tasks)
        if (task.status === 'completed' && task.completion.empty)
          io.talk(howItEnded(task, services.backend.now, services.store, io));
    }
    if (!done && open > 0) {
      const named = await answered(services, openTasks(services, scope, NAMED), deadline);
      const total = scope.from === undefined ? scope.ids.length : open;
      tellPending(io, services, named, { open, total, why: interrupted ? 'interrupted' : 'timeout', usedUp });
    }
    if (earlier > 0) io.hint(`${earlier} more ended before these: ${listOf(scope, tasks.length + earlier)}`);
    if (!only && (open > 0 || more)) io.hint(`to go on: ${commandOf(scope)} --since ${cursor}`);
    if (!done && open === 0) io.talk(await nothingOpen(services, scope));
  }
  if (!done && open === 0) throw new AgentqError('empty', io.json ? await nothingOpen(services, scope) : '');
  tell(done, tasks);
}

/** The number of ids that are repeated in a command. */
const REPEATED = 5;

function commandOf(scope: Scope): string {
  if (scope.from !== undefined) return `agentq wait --any --from ${scope.from}`;
  return scope.ids.length > REPEATED ? 'the same command with' : `agentq wait --any ${scope.ids.join(' ')}`;
}

/** The command that lists ended tasks, those too that no answer tells. */
function listOf({ from }: Scope, limit: number): string {
  return `agentq list --from ${from} --status ${finishedStatuses.join(',')} --limit ${limit}`;
}

/** The number of tasks that are named after a timeout. */
const NAMED = 20;

/** Of several tasks, a message only says who has cancelled one, and that a completion is empty. */
function tellEnd(io: Io, task: Task, isOneOfMany: boolean, text: string): void {
  if (!isOneOfMany) return io.talk(text);
  const isNotable = task.status === 'cancelled' || (task.status === 'completed' && task.completion.empty === true);
  // A terminal shows both outputs: one line says all.
  if (isNotable && io.terminal) return io.prose(visible(text), 2);
  io.line(`${task.id} ${task.status}`);
  if (isNotable) io.talk(text);
}

/** The numbers of a wait that has not succeeded. */
interface Unfinished {
  readonly open: number;
  readonly total: number;
  readonly why: 'interrupted' | 'timeout';
  /** The used-up budgets for which they wait. */
  readonly usedUp: readonly string[];
}

/** The used-up budgets for which tasks of the scope wait. */
async function budgetsOf(services: Services, scope: Scope): Promise<readonly string[]> {
  if (scope.from !== undefined) return blockingBudgets(services, scope);
  return [...new Set((await waitingForBudgets(services, await openTasks(services, scope))).values())];
}

/** Says which tasks have not ended, and what they wait for. @param tasks the first of them */
function tellPending(io: Io, services: Services, tasks: readonly Task[], pending: Unfinished): void {
  const { open, total, why, usedUp } = pending;
  const budgets = usedUp.map((reason) => `: ${reason}`).join('');
  const [only] = tasks;
  if (only && total === 1) return io.talk(`${why}: ${howItStands(only, services.backend.now)}${budgets}`);
  const named = tasks.slice(0, NAMED).map(({ id, status }) => `${id} (${status})`);
  const more = open > named.length ? `, and ${open - named.length} more` : '';
  io.talk(`${why}: not ended: ${open} of ${total}: ${named.join(', ')}${more}${budgets}`);
}

/** That no task of the scope is open, and whose tasks are: the agent may have forgotten its name. */
async function nothingOpen(services: Services, { from }: Scope): Promise<string> {
  const others = from === undefined ? [] : await openOfOthers(services, from);
  return ['no task is open', ...others.map(({ agent, open }) => `of ${agent}: ${open}`)].join('; ');
}

/** Sets only the exit code. */
function tell(done: boolean, ended: readonly Task[]): void {
  if (!done) throw new AgentqError('timeout', '');
  const bad = ended.map((task) => codeOf[task.status]).find((code) => code !== undefined);
  if (bad !== undefined) throw new AgentqError(bad, '');
}
