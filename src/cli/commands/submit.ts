import { counted } from '../../core/counted.ts';
import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { locate } from '../../app/workspace/current-folder.ts';
import { submit } from '../../app/submit/submit.ts';
import { AgentqError } from '../../core/errors.ts';
import { MAX_STDIN_BYTES } from '../../core/limits.ts';
import { parseSubmission, type Submission } from '../../core/envelope/submission.ts';
import type { LocalSource } from '../../files/source-file.ts';
import type { RowProblem } from '../../app/submit/bad-batch.ts';
import type { Context } from '../context.ts';
import { number } from '../input/cost-options.ts';
import { count, duration, names, parseFlags, span } from '../input/flags.ts';
import { bar } from '../output/line.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { readAll } from '../input/stdin.ts';
import { withRoleHint } from '../role-hint.ts';
import { warnOfSharedName } from '../shared-name.ts';

/** Fields that go into the envelope unchanged are checked there. */
const Flags = z.looseObject({
  file: z.optional(z.string()),
  batch: z.optional(z.string()),
  ttl: z.optional(span()),
  delay: z.optional(duration()),
  maxAttempts: z.optional(count()),
  budgetUsd: z.optional(number()),
  expect: z.optional(names()),
  allowSecret: z.optional(z.boolean()),
  offlineOk: z.optional(z.boolean()),
});
type Flags = z.infer<typeof Flags>;

export const define: Define = (command, context) =>
  command
    .option('--to <role>', 'the role that does the task')
    .option('--type <type>', 'the type of the task (default: task)')
    .option('--file <path>', 'the context, stored as a file; - for standard input')
    .option('--instructions <text>', 'what to do, as part of the envelope')
    .option('--from <agent>', 'who submits it (AGENTQ_AGENT, else coordinator)')
    .option('--id <id>', 'the id; a second submit with the same content returns the same task')
    .option('--idempotency-key <key>', 'the same with a key, where the id does not matter')
    .option('--priority <priority>', 'low, normal or high')
    .option('--ttl <duration>', 'expires if no worker has started it this long after its delay')
    .option('--delay <duration>', 'start no earlier than this long from now')
    .option('--at <time>', 'start no earlier than this time, ISO 8601')
    .option('--expect <names>', 'artifacts that a completion must contain: summary,patch (see below)')
    .option('--format <format>', 'the wanted format of the result')
    .option('--reply-to <queue>', 'the queue for the result message (default: results.AGENT)')
    .option('--max-attempts <n>', 'after how many failures it is a dead letter (default: 3)')
    .option('--group <name>', 'the group of the task, such as the project or goal that it serves')
    .option('--budget-usd <amount>', 'stop it when its reported cost is more than this')
    .option('--batch <path>', 'submit all rows of a JSON Lines file, or none; - for standard input')
    .option('--allow-secret', 'submit it although it seems to contain a credential')
    .option('--offline-ok', 'during an outage, save the task here and submit it later; not for a batch')
    .addHelpText('after', HELP)
    .action(async (options) => {
      const flags = parseFlags(Flags, options);
      if (flags.batch !== undefined) return submitRows(context(), flags, flags.batch);
      return submitOne(context(), flags);
    });

async function submitOne(cli: Context, flags: Flags): Promise<void> {
  if (flags['to'] === undefined) throw new AgentqError('usage', 'it is not said who is to do it', 'give --to ROLE');
  const submission = parseSubmission(fieldsOf(cli, flags), nameOf);
  const services = await cli.services();
  const context = flags.file === undefined ? undefined : await readContext(cli, flags.file);
  const { allowSecret = false, offlineOk } = flags;
  const draft = { submission, allowSecret, offlineOk, ...(context && { context }) };
  const submitted = await withRoleHint(cli.io, services, [submission.to], () => submit(services, draft));
  const { task } = submitted;
  if (isUnnamed(cli, flags)) warnOfSharedName(cli, services);
  for (const warning of submitted.warnings) cli.io.talk(`agentq: warning: ${warning}`);
  if (submitted.kept)
    cli.io.talk(`agentq: no connection to the broker: ${task.id} is in the outbox, and a later command submits it`);
  else if (!submitted.created && ENDED.has(task.status) && !cli.io.json)
    cli.io.talk(`agentq: ${task.id} is ${task.status}: nothing was submitted`);
  if (!cli.io.json) return cli.io.line(task.id);
  const outcome = submitted.kept ? { kept: true } : { created: submitted.created };
  cli.io.data({ task_id: task.id, status: task.status, ...outcome } satisfies Output<'submit'>);
}

/** Ends without a result: a second submit of such a task starts no work. */
const ENDED: ReadonlySet<string> = new Set(['cancelled', 'failed', 'expired']);

/** The command line names of the fields of a submission. */
const optionOf: ReadonlyMap<PropertyKey | undefined, string> = new Map([
  ['task_id', '--id'],
  ['ttl_seconds', '--ttl'],
  ['delay_seconds', '--delay'],
  ['not_before', '--at'],
  ['expected_output', '--expect'],
]);

const nameOf = ([field]: readonly PropertyKey[]) => optionOf.get(field) ?? `--${String(field).replaceAll('_', '-')}`;

/** Whether the submitter has the default name. */
const isUnnamed = (cli: Context, flags: Flags) => cli.identity(flags['from'] as string | undefined) === undefined;

function fieldsOf(cli: Context, flags: Flags): Record<string, unknown> {
  const { ttl, delay, expect, format } = flags;
  const fields = {
    to: flags['to'],
    type: flags['type'],
    from: cli.identity(flags['from'] as string | undefined) ?? DEFAULT_AGENT,
    task_id: flags['id'],
    idempotency_key: flags['idempotencyKey'],
    instructions: flags['instructions'],
    priority: flags['priority'],
    reply_to: flags['replyTo'],
    ttl_seconds: ttl === undefined ? undefined : ttl / 1_000,
    delay_seconds: delay === undefined ? undefined : delay / 1_000,
    not_before: flags['at'],
    max_attempts: flags.maxAttempts,
    group: flags['group'],
    budget_usd: flags.budgetUsd,
    expected_output: expect || format !== undefined ? { format, artifacts: expect } : undefined,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function readContext(cli: Context, file: string): Promise<LocalSource> {
  return file === '-'
    ? { bytes: await readAll(cli.system.stdin, MAX_STDIN_BYTES, 'standard input', 'name a file') }
    : { file: locate(cli.system, file) };
}

async function submitRows(cli: Context, flags: Flags, batch: string): Promise<void> {
  const { submitBatch } = await import('../../app/submit/batch.ts');
  const { BadBatch } = await import('../../app/submit/bad-batch.ts');
  const { readBatch } = await import('../input/batch-text.ts');
  const alone = ['file', 'instructions', 'id', 'idempotencyKey'].filter((name) => flags[name] !== undefined);
  if (alone.length > 0) {
    throw new AgentqError(
      'usage',
      'a batch carries its own contents',
      'leave --file, --instructions, --id and --idempotency-key out',
    );
  }
  if (flags.offlineOk) {
    throw new AgentqError('usage', '--offline-ok saves single tasks only', 'submit the batch when the broker is back');
  }
  const services = await cli.services();
  const text = await readBatch(batch, cli.system);
  const options = {
    defaults: fieldsOf(cli, flags) as Partial<Submission>,
    allowSecret: flags.allowSecret ?? false,
    from: cli.system,
    aroundSubmit: <T>(roles: Iterable<string>, act: () => Promise<T>) => withRoleHint(cli.io, services, roles, act),
    onProgress: (done: number, all: number) => cli.io.progress(`${bar((100 * done) / all)} ${counted(done, 'row')}`),
  };
  try {
    const { ids, created, warnings } = await submitBatch(services, text, options);
    cli.io.progress('');
    if (isUnnamed(cli, flags)) warnOfSharedName(cli, services);
    for (const warning of warnings) cli.io.talk(`agentq: warning: ${warning}`);
    if (cli.io.json) cli.io.data({ task_ids: [...ids], created } satisfies Output<'submit --batch'>);
    else cli.io.line(ids.join('\n'));
  } catch (error) {
    cli.io.progress('');
    if (error instanceof BadBatch)
      for (const one of error.problems) cli.io.talk(cli.io.json ? JSON.stringify(one) : problemLine(one));
    throw error;
  }
}

function problemLine({ line, problem, rows }: RowProblem): string {
  return `row ${line}${rows === 1 ? '' : ` and ${rows - 1} more`}: ${problem}`;
}

const HELP = `
An expected artifact is a file with that name, or for summary the text of --summary, and for result the result file.
agentq work takes the first line that the program prints as the summary, its output as the result, and all that it
prints as the artifact log.

A batch has one JSON object in each line. Its fields: to, instructions, file, context_ref, task_id, idempotency_key,
type, priority, from, reply_to, ttl_seconds, delay_seconds, not_before, max_attempts, expected_output, group,
budget_usd. Other fields are refused. The options give the values that a row leaves out. agentq schema submit --batch
row prints the schema.`;
