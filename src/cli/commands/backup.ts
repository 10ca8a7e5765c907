import * as z from 'zod/mini';
import { backup } from '../../app/backup/backup.ts';
import { locate } from '../../app/workspace/current-folder.ts';
import { AgentqError } from '../../core/errors.ts';
import { parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { driftView } from '../output/views.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({ withEvidence: z.optional(z.boolean()), force: z.optional(z.boolean()) });

export const define: Define = (command, context) =>
  command
    .argument('<file>', 'the file of the backup')
    .option('--with-evidence', 'copy contexts, results and artifacts as well, into FILE.evidence/')
    .option('--force', 'replace an existing backup')
    .action(async (named: string, options) => {
      const { withEvidence = false, force = false } = parseFlags(Flags, options);
      const cli = context();
      const file = locate(cli.system, named);
      const services = await cli.backupServices();
      const { tasks, evidence, folder, drift } = await backup(services, { file, withEvidence, force });
      if (cli.io.json) {
        cli.io.data({
          file,
          tasks,
          evidence: { listed: evidence.length, bytes: evidence.reduce((sum, { size }) => sum + size, 0) },
          ...(folder !== undefined && { evidence_dir: folder }),
          drift: drift.map((one) => driftView(services.store, one)),
        } satisfies Output<'backup'>);
      } else {
        cli.io.prose(visible(`tasks in ${file}: ${tasks}`), 2);
        const kept = folder === undefined ? 'listed, not copied (--with-evidence copies it)' : `copied to ${folder}`;
        cli.io.prose(visible(`evidence ${kept}: ${evidence.length - drift.length}`), 2);
        for (const { kind, evidence: one } of drift) cli.io.prose(visible(`${kind}: ${one.path}`), 2);
      }
      if (drift.length > 0) {
        throw new AgentqError(
          'drift',
          `the backup is made, without the evidence that is not what was recorded: ${drift.length}`,
          'agentq doctor',
        );
      }
    });
