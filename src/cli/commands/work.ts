import * as z from 'zod/mini';
import { refuseUnnamedRole } from '../../app/names/role-check.ts';
import { rolePolicy } from '../../app/workspace/config.ts';
import type { AttemptReport } from '../../app/worker/attempt-report.ts';
import { checkProgram } from '../../app/worker/child/program.ts';
import { Worker } from '../../app/worker/worker.ts';
import { name } from '../../core/identifiers.ts';
import { count, duration, leaseSpan, parseFlags, span } from '../input/flags.ts';
import { giveMemoryBack } from '../process/idle-memory.ts';
import { withRoleHint } from '../role-hint.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';

const Flags = z.object({
  as: name('role'),
  worker: z.optional(name('agent name')),
  concurrency: z.optional(count()),
  lease: z.optional(leaseSpan()),
  timeout: z.optional(span()),
  killGrace: z.optional(duration()),
  untilEmpty: z.optional(z.boolean()),
  idleExit: z.optional(duration()),
  briefOnly: z.optional(z.boolean()),
});

const KILL_GRACE = 10_000;

export const define: Define = (command, context) =>
  command
    .argument('<program>')
    .argument('[args...]')
    .passThroughOptions() // arguments after the program belong to the program
    .usage('--as <role> [options] -- <program> [args...]')
    .requiredOption('--as <role>', 'the role whose tasks to run')
    .option('--worker <name>', 'the name of this worker (AGENTQ_AGENT, else ROLE@HOST:PID)')
    .option('--concurrency <n>', 'how many tasks at the same time (default: 1)')
    .option('--lease <duration>', 'the length of a lease (default: 5m)')
    .option('--timeout <duration>', 'fail an attempt that takes longer')
    .option('--kill-grace <duration>', 'how long a child has between SIGTERM and SIGKILL (default: 10s)')
    .option('--until-empty', 'end when no task is ready or being retried, and none runs here')
    .option('--idle-exit <duration>', 'end after this long without work')
    .option('--brief-only', 'only instructions and context on standard input, for a program that parses it')
    .addHelpText('after', HELP)
    .action(async (program: string, args: string[], options) => {
      const flags = parseFlags(Flags, options);
      const cli = context();
      const { io, system } = cli;

      // It loads all late code now, because a worker may run longer than the installed version of agentq.
      await import('../../core/sha256.ts');
      await import('../../core/secrets/search.ts');
      const services = await cli.services();
      await refuseUnnamedRole(services, flags.as);
      checkProgram(program, system.cwd, system.env['PATH']);
      const policy = rolePolicy(services.workspace.config, flags.as);
      let told = false;
      const say = (id: string, attempt: number, event: string, reason?: string) => {
        if (!io.json) return io.talk(`${id} attempt ${attempt} ${event}${reason === undefined ? '' : `: ${reason}`}`);
        const lost = io.record({ task_id: id, attempt, event, reason } satisfies Output<'work'>);
        if (lost && !told) io.talk(`agentq: warning: ${lost.message}: the work continues without its log`);
        told ||= lost !== undefined;
      };
      const worker = new Worker(services, {
        role: flags.as,
        worker: (await cli.author(flags.worker)) ?? `${flags.as}@${system.hostname()}:${system.pid}`,
        concurrency: flags.concurrency ?? policy.concurrency,
        policy: { ...policy, lease: flags.lease ?? policy.lease, timeout: flags.timeout ?? policy.timeout },
        killGrace: flags.killGrace ?? KILL_GRACE,
        untilEmpty: flags.untilEmpty ?? false,
        idleExit: flags.idleExit,
        briefOnly: flags.briefOnly ?? false,
        command: program,
        args,
        cwd: system.cwd,
        env: { ...system.env, ...(cli.namedUrl !== undefined && { AGENTQ_URL: cli.namedUrl }) },
        warn: (line) => io.talk(`agentq: warning: ${line}`),
        onIdle: giveMemoryBack,
        onStart: (id, attempt) => say(id, attempt, 'started'),
        onEnd: ({ id, attempt, outcome, reason }: AttemptReport) => say(id, attempt, outcome, reason),
      });
      let signals = 0;
      const release = system.onSignal((signal) => {
        // SIGHUP counts as two signals: a closed terminal cannot send a second one.
        signals += signal === 'SIGHUP' ? 2 : 1;
        io.talk(
          signals === 1
            ? 'agentq: draining; send the signal again to return running tasks'
            : 'agentq: returning running tasks to the queue',
        );
        if (signals === 1) worker.drain();
        else worker.handBack();
      });
      await withRoleHint(io, services, [flags.as], () => worker.run()).finally(release);
    });

const HELP = `
For each task the program gets the instructions and the context on standard input, and in its environment
AGENTQ_TASK_ID, AGENTQ_ATTEMPT, AGENTQ_ROLE, AGENTQ_CONTEXT_FILE, AGENTQ_RESULT_FILE and AGENTQ_ARTIFACTS_DIR.
AGENTQ_EXPECT contains the names of the promised artifacts, AGENTQ_FORMAT the wanted format, and the file
AGENTQ_PREVIOUS_FAILURES one line of JSON for each former attempt. Standard input contains the same below the context,
unless --brief-only is given, or the task has no instructions and its context is neither .md nor .txt.
The program may write what the attempt has cost so far into the file AGENTQ_COST_FILE, as {"usd":0.12,"tokens":5300}.
Exit 0 completes the task with the result file, or with the standard output if there is no such file. Exit 75 asks for
a later try that does not count as an attempt. Any other exit fails the attempt. The output becomes the artifact "log".
The first SIGTERM or SIGINT drains, the second returns running tasks to the queue. SIGHUP returns them at once, unless
nohup started the worker. It cannot detect a nohup in a script of /bin/sh, such as dash: use setsid agentq work there,
or systemd.`;
