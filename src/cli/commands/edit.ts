import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { edit } from '../../app/change/edit.ts';
import { textOf } from '../../app/workspace/text-file.ts';
import { parseSubmission } from '../../core/envelope/submission.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { MAX_ENVELOPE_BYTES } from '../../core/limits.ts';
import type { Edits } from '../../core/task/event.ts';
import type { Context } from '../context.ts';
import { parseFlags, span, text } from '../input/flags.ts';
import { readAll } from '../input/stdin.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { withRoleHint } from '../role-hint.ts';
import type { Define } from '../verb.ts';

const Flags = z.object({
  from: z.optional(name('agent name')),
  to: z.optional(z.string()),
  priority: z.optional(z.string()),
  instructions: z.optional(z.string()),
  ttl: z.optional(span()),
  reason: z.optional(text()),
  allowSecret: z.optional(z.boolean()),
});
type Flags = z.infer<typeof Flags>;

export const define: Define = (command, context) =>
  command
    .argument('<id>')
    .option('--priority <priority>', 'low, normal or high')
    .option('--instructions <text>', 'what to do; - for standard input')
    .option('--ttl <duration>', 'expires if no worker has started it this long after it was ready')
    .option('--to <role>', 'the role that does it')
    .option('--reason <text>', 'why')
    .option('--from <agent>', 'who edits (AGENTQ_AGENT, else coordinator)')
    .option('--allow-secret', 'accept a text that seems to contain a credential')
    .action(async (id: string, options) => {
      const { from, reason, allowSecret = false, ...fields } = parseFlags(Flags, options);
      const cli = context();
      const set = await editsOf(cli, fields);
      const services = await cli.services();
      const by = (await cli.author(from)) ?? DEFAULT_AGENT;
      const roles = set.to === undefined ? [] : [set.to];
      const act = () => edit(services, { id, by, reason, set, allowSecret });
      const { task, changed } = await withRoleHint(cli.io, services, roles, act);
      if (cli.io.json) cli.io.data({ task_id: id, status: task.status, changed } satisfies Output<'edit'>);
      else cli.io.line(`${id} ${changed ? 'edited' : 'unchanged: it has these values already'}`);
    });

/** The new values, checked as those of a submit. */
async function editsOf(cli: Context, { ttl, to, priority, instructions }: Partial<Flags>): Promise<Edits> {
  const most = MAX_ENVELOPE_BYTES;
  const wanted =
    instructions === '-'
      ? textOf(
          await readAll(cli.system.stdin, most, 'standard input', 'submit a long text with --file'),
          'standard input',
        )
      : instructions;
  const set = Object.fromEntries(
    Object.entries({
      to,
      priority,
      instructions: wanted,
      ttl_seconds: ttl === undefined ? undefined : ttl / 1_000,
    }).filter(([, value]) => value !== undefined),
  );
  if (Object.keys(set).length === 0) {
    const hint = 'give --priority, --instructions, --ttl or --to';
    throw new AgentqError('usage', 'it is not said what to change', hint);
  }
  parseSubmission({ to: 'any', ...set }, ([field]) => (field === 'ttl_seconds' ? '--ttl' : `--${String(field)}`));
  return set;
}
