import * as z from 'zod/mini';
import { claim } from '../../app/assignment/claim.ts';
import { refuseUnnamedRole } from '../../app/names/role-check.ts';
import { rolePolicy } from '../../app/workspace/config.ts';
import { prepareAttempt, resultPath } from '../../app/evidence/evidence-paths.ts';
import { describeDrift } from '../../artifacts/store.ts';
import { handOver } from '../../app/assignment/hand-over.ts';
import type { Services } from '../../app/workspace/services.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { optionFor, promisedArtifacts } from '../../core/evidence/promise.ts';
import { describeAttempt } from '../../core/task/retry.ts';
import type { Task, TaskIn } from '../../core/task/task.ts';
import type { Context } from '../context.ts';
import { duration, leaseSpan, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { withRoleHint } from '../role-hint.ts';
import { untilSignal } from '../process/signals.ts';
import { driftView, iso } from '../output/views.ts';
import { visible, visibleText } from '../output/visible.ts';

const Flags = z.object({
  as: name('role'),
  worker: z.optional(name('agent name')),
  wait: z.optional(duration()),
  lease: z.optional(leaseSpan()),
});

export const define: Define = (command, context) =>
  command
    .requiredOption('--as <role>', 'the role whose tasks to claim')
    .option('--worker <name>', 'the name of the worker (AGENTQ_AGENT, else ROLE@HOST)')
    .option('--wait <duration>', 'how long to wait for a task (default: not at all)')
    .option('--lease <duration>', 'the length of the lease (default: 5m)')
    .action(async (options) => {
      const flags = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const { workspace, store, monotonic } = services;
      await refuseUnnamedRole(services, flags.as);
      // Checks the needs of every claim before the claim, because other processes see the claim.
      await store.probe();
      const lease = flags.lease ?? rolePolicy(workspace.config, flags.as).lease;
      const worker = (await cli.author(flags.worker)) ?? `${flags.as}@${cli.system.hostname()}`;
      const { wait = 0 } = flags;
      const isNamed = Object.hasOwn(workspace.config.roles ?? {}, flags.as);
      const request = { role: flags.as, worker, lease, stays: wait > 0 || isNamed };
      // A signal ends the wait. It must not end the process between the claim and its output.
      await untilSignal(cli.system, async (signal) => {
        const attempt = () => claim(services, request, monotonic() + wait, signal);
        const claimed = await withRoleHint(cli.io, services, [flags.as], attempt);
        if (!claimed.task) throw nothingReady(flags.as, claimed.held, cli.io.json);
        const { task } = claimed;
        await handOver(services, task, async () => {
          await print(cli, services, task, lease);
          return cli.io.delivered;
        });
      });
    });

/** Without --json, an empty queue is an answer and not an error. */
function nothingReady(role: string, held: string | undefined, json: boolean): AgentqError {
  if (held !== undefined)
    return new AgentqError('empty', `no task can begin for ${role}: ${held}`, 'agentq policy show');
  return new AgentqError('empty', json ? `no task is ready for ${role}` : '');
}

async function print(cli: Context, services: Services, task: TaskIn<'working'>, lease: number): Promise<void> {
  const { store } = services;
  const { staging } = store;
  const { attempt, worker, expires_at } = task.lease;
  const artifacts_dir = prepareAttempt(staging, task);
  const context = task.context && (await store.fetch(task.context));
  const view: Output<'claim'> = {
    ...task.envelope,
    ...(task.context && { context_ref: store.refOf(task.context.path) }),
    attempt,
    lease: { worker, expires_at: iso(expires_at), seconds: lease / 1_000 },
    ...(context?.file !== undefined && { context_file: context.file }),
    result_file: staging.locate(resultPath(task.id, attempt)),
    artifacts_dir,
    ...(await formerAttempts(services, task)),
    drift: context?.drift ? [driftView(store, context.drift)] : [],
  };
  for (const { name, kind } of view.drift)
    cli.io.talk(`agentq: warning: its ${name} is ${kind} since it was submitted`);
  if (cli.io.json) return cli.io.data(view);
  // In one write, so that a reader that takes only the first line (head -1) has received its claim.
  cli.io.prose(
    [
      `${task.id}  ${describeAttempt(task)}, leased until ${view.lease.expires_at} unless renewed`,
      ...(context ? [`context    ${visible(context.file ?? `do not use it: ${describeDrift(context.drift)}`)}`] : []),
      `result     ${visible(view.result_file)}`,
      `artifacts  ${visible(view.artifacts_dir)}`,
      ...expectations(task),
      ...(view.earlier_failures === undefined
        ? []
        : [`before     ${view.earlier_failures} earlier attempts: agentq show ${task.id}`]),
      ...view.previous_failures.map(formerAttempt),
      ...(task.envelope.instructions === undefined ? [] : [`\n${visibleText(task.envelope.instructions)}`]),
    ].join('\n'),
    2,
  );
}

async function formerAttempts(
  services: Services,
  task: Task,
): Promise<Pick<Output<'claim'>, 'previous_failures' | 'earlier_failures'>> {
  if (task.attempts.length < 2) return { previous_failures: [] };
  const { lastFailures, previousFailures } = await import('../../app/assignment/previous-failures.ts');
  const { last, earlier } = lastFailures(previousFailures(services, task));
  return { ...(earlier > 0 && { earlier_failures: earlier }), previous_failures: [...last] };
}

/** What the task must deliver, and how to complete it. */
function expectations({ id, envelope, lease }: TaskIn<'working'>): string[] {
  const promised = promisedArtifacts(envelope);
  const format = envelope.expected_output?.format;
  const finish = `agentq complete ${id} --attempt ${lease.attempt} --from ${envelope.to}`;
  return [
    ...(promised.length > 0 ? [`expects    ${promised.join(', ')}`] : []),
    ...(format === undefined ? [] : [`format     ${visible(format)}`]),
    ...(promised.length > 0 ? [`finish     ${[finish, ...promised.map(optionFor)].join(' ')}`] : []),
    ...(promised.length > 0
      ? ['           (not needed: --artifact for a file NAME.* in artifacts, --result-file)']
      : []),
  ];
}

function formerAttempt({ attempt, outcome, reason, log }: Output<'claim'>['previous_failures'][number]): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  return visible(`before     attempt ${attempt} ${outcome}${why}${log === undefined ? '' : ` (log ${log})`}`);
}
