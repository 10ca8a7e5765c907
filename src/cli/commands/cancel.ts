import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { applyToEach } from '../../app/change/apply-to-each.ts';
import { refuseSecret } from '../../core/secrets/find-secret.ts';
import { name } from '../../core/identifiers.ts';
import { parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import { printEach } from '../each-task.ts';

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
      const by = (await cli.author(from)) ?? DEFAULT_AGENT;
      const outcomes = applyToEach(services, ids, { type: 'cancel', by, ...(reason && { reason }) });
      await printEach(cli.io, outcomes, ({ status }) => status);
    });
