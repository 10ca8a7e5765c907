import * as z from 'zod/mini';
import { waitFor } from '../../app/wait.ts';
import { AgentqError, type ErrorCode } from '../../core/errors.ts';
import { isFinished, type Status, type Task } from '../../core/task/task.ts';
import { duration, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import { untilSignal } from '../process/signals.ts';
import type { Output } from '../output/schemas.ts';
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
      const tasks = await untilSignal(cli.system, (signal) => waitFor(services, { ids, until, deadline, signal }));
      const ended = tasks.filter(isFinished);
      const done = flags.any ? ended.length > 0 : ended.length === tasks.length;
      if (cli.io.json)
        cli.io.data({
          done,
          tasks: tasks.map((task) => taskView(services.store, task)),
        } satisfies Output<'wait'>);
      else if (ids.length > 1) for (const task of ended) cli.io.line(`${task.id} ${task.status}`);
      // The names of a single task and of tasks in JSON are known to the caller.
      const open = tasks.filter((task) => !isFinished(task));
      if (!done && !cli.io.json && ids.length > 1)
        cli.io.talk(`agentq: not ended: ${open.map(({ id, status }) => `${id} (${status})`).join(', ')}`);
      tell(done, ended);
    });

/** Prints nothing and sets only the exit code: `status` and `result` show the details. */
function tell(done: boolean, ended: readonly Task[]): void {
  if (!done) throw new AgentqError('timeout', '');
  const bad = ended.map((task) => codeOf[task.status]).find((code) => code !== undefined);
  if (bad !== undefined) throw new AgentqError(bad, '');
}
