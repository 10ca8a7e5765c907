import * as z from 'zod/mini';
import { applyCommand } from '../../app/apply-command.ts';
import { refuseSecret } from '../../core/secrets/find-secret.ts';
import { name } from '../../core/identifiers.ts';
import { parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';

const Flags = z.object({ from: z.optional(name('agent name')), reason: z.optional(text()) });

export const define: Define = (command, context) =>
  command
    .argument('<ids...>')
    .option('--from <agent>', 'who cancels (AGENTQ_AGENT, else coordinator)')
    .option('--reason <text>', 'why')
    .action(async (ids: string[], options) => {
      const { from, reason } = parseFlags(Flags, options);
      await refuseSecret(reason, 'the reason');
      const cli = context();
      const services = await cli.services();
      const by = (await cli.author(from)) ?? 'coordinator';
      const tasks: Output<'cancel'>['tasks'] = [];
      try {
        for (const id of ids) {
          const { task, changed } = await applyCommand(services, id, { type: 'cancel', by, ...(reason && { reason }) });
          tasks.push({ task_id: id, status: task.status, changed });
          if (!cli.io.json) cli.io.line(`${id} ${task.status}`);
        }
      } finally {
        // If one is refused, the tasks that were cancelled before it are still printed.
        if (cli.io.json) cli.io.data({ tasks } satisfies Output<'cancel'>);
      }
    });
