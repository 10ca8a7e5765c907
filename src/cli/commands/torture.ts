import { counted } from '../../core/counted.ts';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { TorturedBroker } from '../../app/torture/broker.ts';
import { torture, type TortureReport } from '../../app/torture/torture.ts';
import { type Config } from '../../app/workspace/config.ts';
import { type CurrentFolder, locate } from '../../app/workspace/current-folder.ts';
import { removeFolder } from '../../files/remove-folder.ts';
import { initWorkspace } from '../../app/workspace/init-workspace.ts';
import type { Workspace } from '../../app/workspace/workspace.ts';
import { AgentqError } from '../../core/errors.ts';
import { Context } from '../context.ts';
import { count, duration, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';

const Flags = z.object({
  seconds: z.optional(count()),
  workers: z.optional(count()),
  seed: z.optional(count()),
  on: z.optional(z.string()),
  broker: z.optional(z.string()),
  prune: z.optional(duration()),
});

/** Failed attempts are retried at once, because a run has no time for waits of minutes. */
const config: Config = {
  version: 1,
  broker: { timeout: '60s', token_grace: '5s' },
  defaults: { backoff: { base: '50ms', max: '500ms' } },
};

const topology = { roles: ['tortured'], coordinators: ['coordinator'] };

export const define: Define = (command, context) =>
  command
    .usage('[options]')
    .option('--seconds <n>', 'how long to kill processes (default: 20)')
    .option('--workers <n>', 'how many workers, and as many agents that claim (default: 4)')
    .option('--seed <n>', 'repeat the random choices of an earlier run')
    .option('--on <folder>', 'the folder for its workspace, on the disk to test (default: the temporary one)')
    .option('--prune <duration>', 'workers prune tasks that ended this long ago, such as 1s')
    .option('--broker <command>', 'with --url: start the broker with this command, and kill it as well')
    .addHelpText('after', HELP)
    .action(async (options) => {
      const { seconds = 20, workers = 4, seed, on, broker: command, prune } = parseFlags(Flags, options);
      const { io, output, system, namedUrl } = context();
      const dir = mkdtempSync(join(locate(system, on ?? tmpdir()), 'agentq-torture-'));
      const chosen = seed ?? Math.floor(system.random() * 1_000_000) + 1;
      // The run has its own queues on the broker too, separate from other tasks.
      const prefix = `torture-${chosen}-${system.pid}`;
      const url = namedUrl && withPrefix(namedUrl, prefix);
      const dirs = (url === undefined ? ['one'] : ['one', 'two']).map((name) => join(dir, name));
      const workspaces = await Promise.all(dirs.map((one) => makeWorkspace(one, join(dir, 'store'), prune, system)));
      const [workspace] = workspaces;
      if (command !== undefined && url === undefined) {
        throw new AgentqError('usage', 'a broker is killed only where there is one', 'give --url as well');
      }
      const broker = command === undefined ? undefined : new TorturedBroker(command);
      const cli = new Context(system, output, { dir: dirs[0]!, color: false, ...(url !== undefined && { url }) });
      try {
        for (const one of workspaces) await cli.settleStore(one, true);
        await cli.createBackend(workspace!);
        const declared = await cli.topology(config);
        await declared?.declare(topology);
        const report = await torture(await cli.services(), {
          program: [process.execPath, process.argv[1]!],
          dirs,
          env: { ...system.env, ...(url !== undefined && { AGENTQ_URL: url }) },
          broker,
          seconds,
          workers,
          seed: chosen,
          onPhase: (phase) => io.talk(`agentq: ${phase}`),
        });
        await cli.close(false);
        const wrong = faults(report);
        if (io.json) io.data(view(report, chosen, seconds));
        else for (const line of reportLines(report)) io.line(line);
        if (wrong.length > 0) {
          throw new AgentqError(
            'unhealthy',
            `${counted(wrong.length, 'fault')}: ${wrong.slice(0, 5).join('; ')}`,
            `the store is kept: ${dir}${url === undefined ? '' : `, and what lies on the broker under ${prefix}`}`,
          );
        }
        await declared?.remove(topology);
        removeFolder(dir);
      } finally {
        await broker?.kill();
      }
    });

/** @param prune the age in ms from which workers prune finished tasks; undefined if they prune none */
async function makeWorkspace(
  dir: string,
  store: string,
  prune: number | undefined,
  from: CurrentFolder,
): Promise<Workspace> {
  const workspace = await initWorkspace(dir, from, { store });
  const retention = prune === undefined ? {} : { retention: { older_than: `${prune}ms` } };
  const settings = { ...config, ...retention, store: workspace.config.store };
  writeFileSync(join(workspace.dir, 'config.json'), JSON.stringify(settings));
  return workspace;
}

/** Not with URL, which reads no URL with several hosts and ports. */
function withPrefix(url: string, prefix: string): string {
  const [address = '', query = ''] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('prefix', prefix);
  return `${address}?${parameters.toString()}`;
}

function faults({ lost, completedTwice, staleAccepted, findings }: TortureReport): string[] {
  return [
    ...lost.map((id) => `${id} lost`),
    ...completedTwice.map((id) => `${id} completed twice`),
    ...staleAccepted.map((id) => `${id} changed by a stale worker`),
    ...findings,
  ];
}

/** The report for people, one line for each number. */
export function reportLines(report: TortureReport): string[] {
  return [
    `tasks            ${report.tasks}, ${report.completed} completed`,
    ...(report.pruned === undefined ? [] : [`pruned           ${report.pruned} of them`]),
    `killed           ${counted(report.kills, 'process', 'processes')}`,
    `lost             ${report.lost.length}`,
    `completed twice  ${report.completedTwice.length}`,
    `stale accepted   ${report.staleAccepted.length}`,
    `odd children     in ${counted(report.odd, 'task')}`,
    `findings         ${report.findings.length}`,
  ];
}

function view(report: TortureReport, seed: number, seconds: number): Output<'torture'> {
  return {
    seed,
    seconds,
    tasks: report.tasks,
    completed: report.completed,
    ...(report.pruned !== undefined && { pruned: report.pruned }),
    kills: report.kills,
    lost: report.lost.length,
    completed_twice: report.completedTwice.length,
    stale_accepted: report.staleAccepted.length,
    odd: report.odd,
    findings: [...report.findings],
  };
}

const HELP = `
Creates a workspace of its own, in the temporary folder or in the one of --on. Submits and works there, and kills -9
submitters, claimers, completers and workers at random moments. Then it lets workers finish the remaining tasks, and
reads the log. Some children remove or link their files, or leave thousands of files or a daemon; some readers close
their input. A workspace with a fault is kept.`;
