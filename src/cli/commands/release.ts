import * as z from 'zod/mini';
import { applyCommand } from '../../app/change/apply-command.ts';
import { refuseSecret } from '../../core/secrets/find-secret.ts';
import { parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { addCallerOptions, callerFlags, callerOf } from '../caller.ts';
import { addCostOptions, costFlags, costGiven } from '../input/cost-options.ts';

const Flags = z.object({ ...callerFlags(), ...costFlags(), reason: z.optional(text()) });

export const define: Define = (command, context) =>
  addCostOptions(addCallerOptions(command))
    .option('--reason <text>', 'why')
    .action(async (named: string | undefined, options) => {
      const { reason = 'given back', ...flags } = parseFlags(Flags, options);
      const reported = costGiven(flags);
      await refuseSecret(reason, 'the reason');
      const cli = context();
      const { id, by, attempt } = await callerOf(cli, { id: named, ...flags });
      const { task, changed } = await applyCommand(await cli.services(), id, {
        type: 'release',
        by,
        attempt,
        reason,
        ...reported,
      });
      if (cli.io.json) cli.io.data({ task_id: id, status: task.status, changed } satisfies Output<'release'>);
    });
