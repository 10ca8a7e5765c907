import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import {
  existingWorkspace,
  initWorkspace,
  newAdditions,
  newConfig,
  type Wanted,
} from '../../app/workspace/init-workspace.ts';
import type { TopologyWish } from '../../backend/topology.ts';
import { counted } from '../../core/counted.ts';
import { AgentqError } from '../../core/errors.ts';
import { checkName } from '../../core/identifiers.ts';
import type { Context } from '../context.ts';
import { names, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { type PlannedTopology, printTopology } from '../output/report/planned-topology.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({
  store: z.optional(z.string()),
  shared: z.optional(z.boolean()),
  workers: z.optional(names()),
  coordinators: z.optional(names()),
  replicated: z.optional(z.boolean()),
  dryRun: z.optional(z.boolean()),
  definitions: z.optional(z.boolean()),
  verbose: z.optional(z.boolean()),
});
type Flags = z.infer<typeof Flags>;

export const define: Define = (command, context) =>
  command
    .option('--store <path>', 'the folder for tasks/, results/ and artifacts/ (default: in the workspace)')
    .option('--shared', 'let the group of the folder read and write as well')
    .option('--workers <roles>', 'on a broker: the roles that get a work queue: a,b')
    .option('--coordinators <agents>', 'on a broker: the agents that get a result queue (default: coordinator)')
    .option('--replicated', 'on a broker: quorum queues, which survive the loss of a node (default with several hosts)')
    .option('--no-replicated', 'on a broker: classic queues, each on one node')
    .option('--dry-run', 'print what init would declare on the broker')
    .option('--verbose', 'with --dry-run: print each part, with its arguments')
    .option('--definitions', 'print it as RabbitMQ definitions, with users and permissions')
    .action(async (options) => {
      const flags = parseFlags(Flags, options);
      if (flags.verbose && !flags.dryRun)
        throw new AgentqError('usage', '--verbose is only for --dry-run', 'add --dry-run, or leave --verbose out');
      const cli = context();
      if (flags.dryRun || flags.definitions) return plan(cli, flags);
      const wanted = { ...flags, url: cli.urlOption };
      const make = () => initWorkspace(cli.namedDir, cli.system, wanted);
      // A new workspace is created only after the broker has answered, so that a wrong URL is not saved.
      const existed = existingWorkspace(cli.namedDir, cli.system);
      const config = existed ? (await make()).config : newConfig(wanted);
      const topology = await cli.topology(config);
      const broker = await topology?.declare({ ...wishOf(cli, flags), anyType: !existed && isAnyType(flags) });
      const replicated = broker?.queues.type === 'quorum' || flags.replicated;
      const { workspace, here, marked } = await furnish(cli, { ...wanted, replicated }, existed);
      if (!topology && (flags.workers || flags.coordinators)) cli.io.talk(`agentq: ${NOTHING_DECLARED}`);
      if (!marked) cli.io.talk(`agentq: warning: ${UNMARKED}`);
      const created = here || (broker?.declared.length ?? 0) > 0;
      const { dir, storeDir: store } = workspace;
      if (cli.io.json) return cli.io.data({ dir, store, created, ...(broker && { broker }) } satisfies Output<'init'>);
      cli.io.prose(visible(`${here ? 'made' : 'found'} the workspace ${dir}`));
      if (!broker) return;
      const { product, place, declared } = broker;
      cli.io.prose(visible(`${product.name} ${product.version} at ${place}: ${declaredLine(declared)}`));
      const { type, because } = broker.queues;
      if (because !== undefined) cli.io.prose(visible(`${type} queues: ${because}`));
      if (!created) return cli.io.prose('  the guarantees are the same as before: --json lists them');
      for (const { promise, by, how } of broker.guarantees)
        cli.io.prose(`  ${promise.padEnd(14)}  ${by.padEnd(17)}  ${how}`, 37);
    });

/** Creates what is missing. If that fails for a new workspace, what was created is removed. */
async function furnish(cli: Context, wanted: Wanted, existed: boolean) {
  const additions = existed ? undefined : newAdditions(cli.namedDir, cli.system, wanted);
  try {
    const workspace = await initWorkspace(cli.namedDir, cli.system, wanted, additions);
    // The database of a new workspace comes last: other processes use it from then on.
    const early = !existed && workspace.storeId === undefined && (await cli.settleStore(workspace, true));
    const { created } = await cli.createBackend(workspace);
    const here = !existed || created;
    return { workspace, here, marked: early || (await cli.settleStore(workspace, here)) };
  } catch (error) {
    additions?.takeBack();
    throw error;
  }
}

const UNMARKED =
  'the store has no marker, because it contains no recorded evidence: a missing disk will not be noticed';

const NOTHING_DECLARED =
  '--workers and --coordinators declare queues on a broker, and no broker is named: nothing was declared';

function declaredLine(declared: readonly string[]): string {
  return declared.length === 0
    ? 'everything was there already'
    : `declared ${counted(declared.length, 'exchange or queue', 'exchanges and queues')}`;
}

const isAnyType = ({ replicated }: Flags) => replicated === undefined;

function wishOf(cli: Context, { workers = [], coordinators }: Flags): TopologyWish {
  for (const role of workers) checkName('role', role);
  const agents = coordinators ?? [cli.identity(undefined) ?? DEFAULT_AGENT];
  for (const agent of agents) checkName('agent name', agent);
  return { roles: workers, coordinators: agents };
}

/** Needs no broker and no workspace, because the operator of the broker may use another machine. */
async function plan(cli: Context, flags: Flags): Promise<void> {
  const as = flags.definitions ? 'definitions' : 'topology';
  const topology = await cli.topology(newConfig(flags));
  if (!topology) throw new AgentqError('usage', 'no broker is named', 'give --url amqp://…');
  const planned = topology.planned({ ...wishOf(cli, flags), anyType: isAnyType(flags) }, as);
  if (flags.definitions || cli.io.json) return cli.io.line(JSON.stringify(planned, null, 2));
  printTopology(cli.io, planned as PlannedTopology, flags.verbose ?? false);
}
