import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { applyToEach } from '../../app/change/apply-to-each.ts';
import { refuseSecret } from '../../core/secrets/find-secret.ts';
import { name } from '../../core/identifiers.ts';
import { parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import { printEach } from '../each-task.ts';

const Flags = z.object({ from: z.optional(name('agent name')), reason: text() });

export const define: Define = (command, context) =>
  command
    .argument('<ids...>')
    .requiredOption('--reason <text>', 'why the outcome does not count; the next worker is told')
    .option('--from <agent>', 'who wants it (AGENTQ_AGENT, else coordinator)')
    .action(async (ids: string[], options) => {
      const { from, reason } = parseFlags(Flags, options);
      await refuseSecret(reason, 'the reason');
      const cli = context();
      const services = await cli.services();
      const by = (await cli.author(from)) ?? DEFAULT_AGENT;
      const outcomes = applyToEach(services, ids, { type: 'redo', by, reason });
      await printEach(cli.io, outcomes, ({ status }) => status);
    });
