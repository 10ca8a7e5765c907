import * as z from 'zod/mini';
import { prune, type Pruning } from '../../app/prune/prune.ts';
import { prunePolicy } from '../../app/workspace/config.ts';
import { counted } from '../../core/counted.ts';
import { AgentqError } from '../../core/errors.ts';
import { MAX_LIST } from '../../core/limits.ts';
import { duration, parseFlags, rememberedSpan } from '../input/flags.ts';
import type { Output } from '../output/schemas/outputs.ts';
import type { Define } from '../verb.ts';

const Flags = z.object({
  olderThan: z.optional(duration()),
  keepDead: z.optional(z.boolean()),
  remember: z.optional(rememberedSpan()),
  dryRun: z.optional(z.boolean()),
});

export const define: Define = (command, context) =>
  command
    .option('--older-than <duration>', 'tasks that ended longer ago, such as 30d (default: as in config.json)')
    .option('--keep-dead', 'keep dead letters')
    .option('--remember <duration>', 'how long their ids stay known (default: 365d)')
    .option('--dry-run', 'only list and count what would be removed')
    .addHelpText('after', HELP)
    .action(async (options) => {
      const { olderThan, keepDead, remember, dryRun = false } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const policy = prunePolicy(services.workspace.config);
      const age = olderThan ?? policy.olderThan;
      if (age === undefined)
        throw new AgentqError('usage', 'no age is given', 'agentq prune --older-than 30d --dry-run');
      const request = {
        before: services.backend.now - age,
        keep_dead: keepDead ?? policy.keepDead,
        remember: remember ?? policy.remember,
        dryRun,
      };
      const most = dryRun ? (cli.io.json ? MAX_LIST : PRINTED) : 0;
      const listed: string[] = [];
      const sum = await prune(services, request, ({ tasks }, ids) => {
        cli.io.progress(`${dryRun ? 'found' : 'pruned'} ${counted(tasks, 'task')}`);
        listed.push(...ids.slice(0, most - listed.length));
      });
      cli.io.progress('');
      const task_ids = dryRun ? { task_ids: listed } : {};
      if (cli.io.json) return cli.io.data({ dry_run: dryRun, ...sum, ...task_ids } satisfies Output<'prune'>);
      cli.io.prose(describe(sum, dryRun), 2);
      for (const id of listed) cli.io.line(`  ${id}`);
      if (dryRun && sum.tasks > listed.length)
        cli.io.line(`  and ${sum.tasks - listed.length} more: --json lists them`);
    });

/** How many ids are printed for people. */
const PRINTED = 20;

function describe(sum: Pruning, dryRun: boolean): string {
  const { tasks, dead_letters, messages, files, bytes, referred, snapshots = 0 } = sum;
  const of = `${counted(dead_letters, 'dead letter')}, ${messages} with uncollected messages`;
  const what = `${counted(tasks, 'task')} (${of}), ${counted(files, 'file')}, ${counted(bytes, 'byte')}`;
  const stay = referred === 0 ? '' : `; kept for open tasks that refer to their evidence: ${counted(referred, 'task')}`;
  const replaced =
    snapshots === 0 ? '' : `; ${dryRun ? 'would replace' : 'replaced'} ${counted(snapshots, 'snapshot')} of the log`;
  return `${dryRun ? 'would prune' : 'pruned'} ${what}${stay}${replaced}`;
}

const HELP = `
It removes finished tasks with their history, their evidence and their uncollected result messages. Dead letters go
too, unless --keep-dead is given. Tasks stay whose evidence an open task refers to. The removed ids stay known, so that
a late repeat of a submit makes no second task. On a broker, a new snapshot takes the place of those that contain such
tasks. Work can continue meanwhile.`;
