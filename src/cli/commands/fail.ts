import * as z from 'zod/mini';
import { fail } from '../../app/change/fail.ts';
import { parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { addCallerOptions, callerFlags, callerOf } from '../caller.ts';
import { addCostOptions, costFlags, costGiven } from '../input/cost-options.ts';
import { iso } from '../output/views.ts';

const Flags = z.object({
  ...callerFlags(),
  ...costFlags(),
  reason: text(),
  retry: z.optional(z.boolean()),
  allowSecret: z.optional(z.boolean()),
});

export const define: Define = (command, context) =>
  addCostOptions(addCallerOptions(command))
    .requiredOption('--reason <text>', 'why')
    .option('--retry', 'allow another attempt after a wait, if any is left')
    .option('--allow-secret', 'accept a reason that seems to contain a credential')
    .action(async (named: string | undefined, options) => {
      const { reason, retry = false, allowSecret = false, ...flags } = parseFlags(Flags, options);
      const reported = costGiven(flags);
      const cli = context();
      const caller = await callerOf(cli, { id: named, ...flags });
      const { task, changed } = await fail(await cli.services(), {
        ...caller,
        ...reported,
        reason,
        retry,
        allowSecret,
      });
      const next = task.status === 'scheduled' ? iso(task.due_at) : undefined;
      if (cli.io.json) {
        const view = { task_id: task.id, status: task.status, changed, ...(next && { retry_at: next }) };
        cli.io.data(view satisfies Output<'fail'>);
      }
    });
