import * as z from 'zod/mini';
import { rolePolicy } from '../../app/workspace/config.ts';
import { findTask, applyCommand } from '../../app/change/apply-command.ts';
import { AgentqError } from '../../core/errors.ts';
import { refuseSecret } from '../../core/secrets/find-secret.ts';
import { leaseSpan, parseFlags, percent } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { addCallerOptions, callerFlags, callerOf } from '../caller.ts';
import { addCostOptions, costFlags, costGiven } from '../input/cost-options.ts';
import { iso } from '../output/views.ts';

const Flags = z.object({
  ...callerFlags(),
  ...costFlags(),
  percent: z.optional(percent()),
  note: z.optional(z.string().check(z.maxLength(2_000, { error: 'is longer than 2000 characters' }))),
  lease: z.optional(leaseSpan()),
});

export const define: Define = (command, context) =>
  addCostOptions(addCallerOptions(command))
    .option('--percent <n>', 'how much is done, 0 to 100')
    .option('--note <text>', 'what is being done; an empty text is no note')
    .option('--lease <duration>', 'the length of the lease from now (default: as claimed)')
    .action(async (named: string | undefined, options) => {
      const flags = parseFlags(Flags, options);
      const reported = costGiven(flags);
      await refuseSecret(flags.note, 'the note');
      const cli = context();
      const { id, by, attempt } = await callerOf(cli, { id: named, ...flags }, true);
      const services = await cli.services();
      const { percent, note, lease: given } = flags;
      const lease = given ?? rolePolicy(services.workspace.config, (await findTask(services, id)).envelope.to).lease;
      const { task } = await applyCommand(services, id, {
        type: 'renew',
        by,
        attempt,
        lease,
        as_claimed: given === undefined,
        ...(percent !== undefined && { percent }),
        ...(note && { note }),
        ...reported,
      });
      // The report itself was too much: the caller stops, as after any cancel.
      if (task.status === 'cancelled')
        throw new AgentqError('cancelled', `${id} was cancelled by ${task.by}: ${task.reason}`, 'stop working on it');
      if (!cli.io.json || task.status !== 'working') return;
      const view = { task_id: id, attempt: task.lease.attempt, lease_expires_at: iso(task.lease.expires_at) };
      cli.io.data(view satisfies Output<'progress'>);
    });
