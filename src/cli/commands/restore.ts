import * as z from 'zod/mini';
import { restore } from '../../app/backup/restore.ts';
import { locate } from '../../app/workspace/current-folder.ts';
import { AgentqError } from '../../core/errors.ts';
import { parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { driftView, iso } from '../output/views.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({ force: z.optional(z.boolean()) });

export const define: Define = (command, context) =>
  command
    .argument('<file>', 'the file of the backup')
    .option('--force', 'replace an existing queue, and keep it in a file beside it')
    .action(async (named: string, options) => {
      const { force = false } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.backupServices();
      const report = await restore(services, { file: locate(cli.system, named), force });
      const { tasks, leases_ended, epoch, made_at, self_contained, replaced, evidence, brought_back, drift } = report;
      if (cli.io.json) {
        cli.io.data({
          dir: services.workspace.dir,
          tasks,
          leases_ended,
          epoch,
          ...(made_at !== undefined && { backup_made_at: iso(made_at) }),
          ...(replaced !== undefined && { replaced }),
          evidence: { listed: evidence.length, brought_back },
          drift: drift.map((one) => driftView(services.store, one)),
        } satisfies Output<'restore'>);
      } else {
        const when = made_at === undefined ? '' : ` as of ${iso(made_at)}`;
        cli.io.prose(visible(`tasks restored${when} into ${services.workspace.dir}: ${tasks}`), 2);
        if (made_at === undefined && !self_contained)
          cli.io.prose('it is a plain copy of a database, not a backup: what its -wal file held may be missing', 2);
        cli.io.prose(`epoch ${epoch}: no attempt from before is believed; leases ended: ${leases_ended}`, 2);
        if (replaced !== undefined) cli.io.prose(visible(`what was there before is kept as ${replaced}`), 2);
        if (brought_back > 0) cli.io.prose(`missing evidence copied back: ${brought_back}`, 2);
        for (const { kind, evidence: one } of drift) cli.io.prose(visible(`${kind}: ${one.path}`), 2);
      }
      if (drift.length > 0) {
        throw new AgentqError(
          'drift',
          `the queue is restored; evidence that is missing or not what was recorded: ${drift.length}`,
          'agentq doctor names their tasks',
        );
      }
    });
