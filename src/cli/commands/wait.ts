import * as z from 'zod/mini';
import { waitFor } from '../../app/wait.ts';
import { AgentqError, type ErrorCode } from '../../core/errors.ts';
import { isFinished, type Status, type Task } from '../../core/task/task.ts';
import { duration, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import { untilSignal } from '../process/signals.ts';
import type { Output } from '../output/schemas.ts';
import type { Io } from '../output/io.ts';
import { howItEnded, howItStands } from '../output/how-it-stands.ts';
import { taskView } from '../output/views.ts';

const Flags = z.object({
  any: z.optional(z.boolean()),
  all: z.optional(z.boolean()),
  timeout: z.optional(duration()),
});

/** The exit code for each final status. */
const codeOf: Partial<Record<Status, ErrorCode>> = {
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
};

export const define: Define = (command, context) =>
  command
    .argument('<ids...>')
    .option('--all', 'until all of them have ended (the default)')
    .option('--any', 'until one of them has ended')
    .option('--timeout <duration>', 'how long to wait at most')
    .action(async (ids: string[], options) => {
      const flags = parseFlags(Flags, options);
      if (flags.any && flags.all)
        throw new AgentqError('usage', '--any and --all exclude each other', 'give one of them');
      const cli = context();
      const services = await cli.services();
      const deadline = flags.timeout === undefined ? Infinity : services.monotonic() + flags.timeout;
      const until = flags.any ? 'any' : 'all';
      let interrupted = false;
      const tasks = await untilSignal(cli.system, async (signal) => {
        const current = await waitFor(services, { ids, until, deadline, signal });
        interrupted = signal.aborted;
        return current;
      });
      const ended = tasks.filter(isFinished);
      const done = flags.any ? ended.length > 0 : ended.length === tasks.length;
      if (cli.io.json)
        cli.io.data({
          done,
          tasks: tasks.map((task) => taskView(services.store, task)),
        } satisfies Output<'wait'>);
      else if (ids.length > 1) for (const task of ended) cli.io.line(`${task.id} ${task.status}`);
      // A program reads the same from the JSON output.
      if (!cli.io.json) {
        const only = ids.length === 1 ? tasks[0] : undefined;
        if (only && isFinished(only)) cli.io.talk(howItEnded(only, services.backend.now, services.store));
        if (!done) tellPending(cli.io, tasks, services.backend.now, interrupted ? 'interrupted' : 'timeout');
      }
      tell(done, ended);
    });

/** The number of tasks that are named after a timeout. */
const NAMED = 20;

/** Says which tasks have not ended, and what they wait for. */
function tellPending(io: Io, tasks: readonly Task[], now: number, why: string): void {
  const open = tasks.filter((task) => !isFinished(task));
  if (tasks.length === 1) return io.talk(`${why}: ${howItStands(open[0]!, now)}`);
  const named = open.slice(0, NAMED).map(({ id, status }) => `${id} (${status})`);
  const more = open.length > NAMED ? `, and ${open.length - NAMED} more` : '';
  io.talk(`${why}: not ended: ${open.length} of ${tasks.length}: ${named.join(', ')}${more}`);
}

/** Sets only the exit code. */
function tell(done: boolean, ended: readonly Task[]): void {
  if (!done) throw new AgentqError('timeout', '');
  const bad = ended.map((task) => codeOf[task.status]).find((code) => code !== undefined);
  if (bad !== undefined) throw new AgentqError(bad, '');
}
