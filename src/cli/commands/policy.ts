import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { budgetStates, type BudgetState } from '../../app/budget/budget-states.ts';
import { parsePolicy } from '../../app/budget/policy-file.ts';
import { locate } from '../../app/workspace/current-folder.ts';
import { readTextFile, textOf } from '../../app/workspace/text-file.ts';
import { formatUsd } from '../../core/cost.ts';
import { formatMoment } from '../../core/duration.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { MAX_CONFIG_BYTES } from '../../core/limits.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { POLICY } from '../../core/policy/policy.ts';
import type { Context } from '../context.ts';
import { parseFlags } from '../input/flags.ts';
import { readAll } from '../input/stdin.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { printTable } from '../output/table.ts';
import { iso } from '../output/views.ts';

const Flags = z.object({ by: z.optional(name('agent name')) });

export const define: Define = (command, context) => {
  command.action(() => show(context()));
  command
    .command('apply <file>')
    .description('replace the policy of the queue by a JSON file; - for standard input')
    .option('--by <agent>', 'who applies it (AGENTQ_AGENT, else coordinator)')
    .addHelpText('after', HELP)
    .action((file: string, options) => apply(context(), file, options));
  command
    .command('show')
    .description('print the policy, and what counts towards each budget')
    .action(() => show(context()));
};

async function apply(cli: Context, file: string, options: unknown): Promise<void> {
  const flags = parseFlags(Flags, options);
  const document = parsePolicy(await readDocument(cli, file), file === '-' ? 'standard input' : file);
  const by = (await cli.author(flags.by)) ?? DEFAULT_AGENT;
  const { backend } = await cli.services();
  const [outcome] = await backend.commit([{ about: POLICY, command: { type: 'apply', document, by } }]);
  const { changed, refusal } = outcome!;
  if (refusal) throw AgentqError.of(refusal);
  const version = (await backend.thing('policy', POLICY.id))!.version;
  if (cli.io.json) return cli.io.data({ version, changed } satisfies Output<'policy apply'>);
  cli.io.talk(changed ? `version ${version} of the policy applies now` : `nothing changed: this is version ${version}`);
}

async function readDocument({ system }: Context, file: string): Promise<string> {
  if (file !== '-') return readTextFile(locate(system, file), MAX_CONFIG_BYTES);
  return textOf(await readAll(system.stdin, MAX_CONFIG_BYTES, 'standard input', 'name a file'), 'standard input');
}

async function show(cli: Context): Promise<void> {
  const services = await cli.services();
  const { backend } = services;
  const policy = await backend.thing('policy', POLICY.id);
  if (!policy) {
    if (cli.io.json) return cli.io.data({ version: 0, budgets: [] } satisfies Output<'policy show'>);
    return cli.io.hint('no policy was applied: agentq policy apply --help');
  }
  const { version, by, at, document } = policy;
  const budgets = await budgetStates(services);
  if (cli.io.json) {
    const view = {
      version,
      applied_by: by,
      applied_at: iso(at),
      document: plain(document),
      budgets: budgets.map((one) => ({ ...one })),
    };
    return cli.io.data(view satisfies Output<'policy show'>);
  }
  cli.io.line(`version ${version}, by ${by}, ${formatMoment(at, backend.now)}`);
  if (budgets.length === 0) return cli.io.talk('it has no budgets');
  await printTable(cli.io, budgets, [
    { title: 'BUDGET OF', content: 'name', cell: nameOf },
    { title: 'PER', cell: ({ per }) => per ?? 'total' },
    { title: 'USD', align: 'right', cell: ({ usd }) => formatUsd(usd) },
    {
      title: 'SPENT',
      align: 'right',
      cell: ({ spent_usd }) => formatUsd(spent_usd),
      paint: ({ usd, spent_usd }, style) => (spent_usd >= usd ? style.red : style.green),
    },
  ]);
}

function plain({ budgets }: PolicyDocument) {
  return { ...(budgets && { budgets: budgets.map((one) => ({ ...one })) }) };
}

function nameOf({ role, group }: BudgetState): string {
  if (group !== undefined) return `group ${group}`;
  return role === undefined ? 'all tasks' : `role ${role}`;
}

const HELP = `
The file replaces the whole policy: {"budgets": [{"role": "docs-worker", "usd": 5, "per": "day"}, {"group": "release",
"usd": 20}, {"usd": 50, "per": "day"}]}. A budget is for a role, a group, or all tasks; in total, or for each day in
UTC. A task whose reported cost takes it above a budget is cancelled, and no task begins that a used-up budget covers:
docs/policy.md.`;
