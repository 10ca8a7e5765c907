import * as z from 'zod/mini';
import { brokerPolicy } from '../../app/config.ts';
import { initWorkspace } from '../../app/workspace.ts';
import { checkName } from '../../core/identifiers.ts';
import type { Context, TopologyWish } from '../context.ts';
import { names, parseFlags } from '../flags.ts';
import type { Define } from '../main.ts';
import type { Output } from '../schemas.ts';
import { visible } from '../visible.ts';

const Flags = z.object({
  store: z.optional(z.string()),
  shared: z.optional(z.boolean()),
  workers: z.optional(names()),
  coordinators: z.optional(names()),
  replicated: z.optional(z.boolean()),
  dryRun: z.optional(z.boolean()),
  definitions: z.optional(z.boolean()),
});
type Flags = z.infer<typeof Flags>;

export const define: Define = (command, context) =>
  command
    .option('--store <path>', 'where tasks/, results/ and artifacts/ lie (default: in the workspace)')
    .option('--shared', 'let the group read and write, not the owner alone')
    .option('--workers <roles>', 'on a broker: the roles that get a work queue: a,b')
    .option('--coordinators <agents>', 'on a broker: whose result messages get a queue (default: coordinator)')
    .option('--replicated', 'on a broker: quorum queues, which survive the loss of a node')
    .option('--dry-run', 'print what would be declared on the broker, and do nothing')
    .option('--definitions', 'print it as RabbitMQ definitions, with users and their rights, and do nothing')
    .action(async (options) => {
      const flags = parseFlags(Flags, options);
      const cli = context();
      if (flags.dryRun || flags.definitions) return plan(cli, flags);
      const { replicated } = flags;
      const url = cli.urlOption;
      const workspace = initWorkspace(cli.namedDir, cli.system.cwd, { ...flags, url, replicated });
      const { created, broker } = await cli.createBackend(workspace, wishOf(cli, flags, workspace.config));
      const { dir, storeDir: store } = workspace;
      if (cli.io.json) return cli.io.data({ dir, store, created, ...(broker && { broker }) } satisfies Output<'init'>);
      cli.io.line(visible(`${created && !broker ? 'made' : 'found'} the workspace ${dir}`));
      if (!broker) return;
      const { product, place, declared } = broker;
      cli.io.line(visible(`${product.name} ${product.version} at ${place}: ${declaredLine(declared)}`));
      for (const { promise, by, how } of broker.guarantees)
        cli.io.line(`  ${promise.padEnd(14)}  ${by.padEnd(17)}  ${how}`);
    });

function declaredLine(declared: readonly string[]): string {
  return declared.length === 0 ? 'everything was there already' : `declared ${declared.length} exchanges and queues`;
}

function wishOf(
  cli: Context,
  { workers = [], coordinators }: Flags,
  config: Parameters<typeof brokerPolicy>[0],
): TopologyWish {
  for (const role of workers) checkName('role', role);
  const agents = coordinators ?? [cli.identity(undefined) ?? 'coordinator'];
  for (const agent of agents) checkName('agent name', agent);
  return { roles: workers, coordinators: agents, retention: brokerPolicy(config).retention };
}

/** Without a broker, and without a workspace: whoever runs the broker may be somebody else. */
async function plan(cli: Context, flags: Flags): Promise<void> {
  const wish = wishOf(cli, flags, { version: 1 });
  const planned = await cli.plannedTopology(
    wish,
    flags.replicated ?? false,
    flags.definitions ? 'definitions' : 'topology',
  );
  if (flags.definitions || cli.io.json) return cli.io.line(JSON.stringify(planned, null, 2));
  const { exchanges, queues, bindings } = planned as PlannedTopology;
  for (const { name, type } of exchanges) cli.io.line(`exchange  ${name}  ${type}`);
  for (const { name, what, arguments: args } of queues)
    cli.io.line(`queue     ${name}  ${what}  ${JSON.stringify(args)}`);
  for (const { source, destination, key } of bindings) cli.io.line(`binding   ${source} → ${destination}  ${key}`);
}

interface PlannedTopology {
  readonly exchanges: readonly { readonly name: string; readonly type: string }[];
  readonly queues: readonly { readonly name: string; readonly what: string; readonly arguments: object }[];
  readonly bindings: readonly { readonly source: string; readonly destination: string; readonly key: string }[];
}
