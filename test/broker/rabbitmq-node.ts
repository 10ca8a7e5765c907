import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { makeRabbitMqHome } from './rabbitmq-home.ts';

export interface RabbitMqOptions {
  /** PEM files for a second listener with TLS, which does not require client certificates. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** None by default. A plugin that listens needs lines in `config` with a port of 127.0.0.1. */
  readonly plugins?: readonly string[];
  /** Further lines of rabbitmq.conf, such as `consumer_timeout = 5000`. */
  readonly config?: readonly string[];
  /** A running node whose cluster the new one joins. */
  readonly peer?: Pick<RabbitMqNode, 'name' | 'cookie' | 'epmdPort'>;
}

/** The ports and the folder of one RabbitMQ node. */
export interface RabbitMqNode {
  readonly folder: string;
  /** The name of the Erlang node. */
  readonly name: string;
  /** The secret that the nodes of a cluster share. */
  readonly cookie: string;
  readonly amqpPort: number;
  readonly tlsPort: number | undefined;
  /** The port of epmd. The nodes of a cluster share one epmd, which the first node starts. */
  readonly epmdPort: number;
  readonly startsEpmd: boolean;
  /** The whole environment of its processes. Only PATH is from the test process. */
  readonly env: Readonly<Record<string, string>>;
}

/** Two schedulers on every machine, because a small node starts faster. */
const SERVER_ARGS = '+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}';

/**
 * Creates the files of a new node. It is not started.
 * @param scripts the folder of `rabbitmq-server`
 */
export async function makeRabbitMqNode(
  scripts: string,
  { tls, plugins = [], config = [], peer }: RabbitMqOptions = {},
): Promise<RabbitMqNode> {
  const folder = mkdtempSync(join(tmpdir(), 'agentq-rabbitmq-'));
  const [amqpPort, distPort] = [await freePort(), await freePort()];
  const name = `agentq-${randomBytes(4).toString('hex')}@localhost`;
  const { epmdPort, cookie } = peer ?? { epmdPort: await freePort(), cookie: randomBytes(16).toString('hex') };
  const tlsPort = tls && (await freePort());
  const home = join(folder, 'home');
  mkdirSync(home);
  const file = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  file('home/.erlang.cookie', cookie, 0o400);
  const rabbitMqHome = makeRabbitMqHome(folder, scripts, plugins);
  const listeners = [`listeners.tcp.1 = 127.0.0.1:${amqpPort}`, ...(tls ? tlsLines(tls, tlsPort!) : [])];
  const lines = [
    ...listeners,
    'num_acceptors.tcp = 2',
    'disk_free_limit.absolute = 1MB',
    ...(peer ? peerLines(peer.name) : []),
    ...config,
  ];
  return {
    folder,
    name,
    cookie,
    amqpPort,
    tlsPort,
    epmdPort,
    startsEpmd: peer === undefined,
    env: {
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      // Otherwise the node reads /etc/localtime for each line of its log.
      TZ: 'UTC',
      HOME: home,
      ERL_EPMD_PORT: `${epmdPort}`,
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_CRASH_DUMP: join(folder, 'erl_crash.dump'),
      // The tests start epmd, because the epmd that Erlang starts is a daemon that does not end.
      ERL_FLAGS: '-start_epmd false',
      RABBITMQ_NODENAME: name,
      RABBITMQ_DIST_PORT: `${distPort}`,
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: folder,
      // Write to standard output, so that one log contains everything.
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_CONFIG_FILE: file('rabbitmq.conf', `${lines.join('\n')}\n`),
      RABBITMQ_CONF_ENV_FILE: file('rabbitmq-env.conf', rabbitMqHome ? `RABBITMQ_HOME='${rabbitMqHome}'\n` : ''),
      // An empty file, because otherwise the file of the machine is read.
      RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config', '[].\n'),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins', `[${plugins.join(',')}].\n`),
      // With this the script replaces itself by the Erlang VM, which then has the known process id.
      RABBITMQ_ALLOW_INPUT: '1',
      // By default the first scheduler of each node is bound to the same core.
      RABBITMQ_SCHEDULER_BIND_TYPE: 'u',
      RABBITMQ_SERVER_START_ARGS: '-noinput +B i',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: SERVER_ARGS,
    },
  };
}

/** https://www.rabbitmq.com/docs/cluster-formation: a node without data joins the cluster of its peer at boot. */
function peerLines(name: string): readonly string[] {
  return [
    'cluster_formation.peer_discovery_backend = classic_config',
    `cluster_formation.classic_config.nodes.1 = ${name}`,
    'cluster_formation.randomized_startup_delay_range.min = 0',
    'cluster_formation.randomized_startup_delay_range.max = 1',
  ];
}

function tlsLines({ ca, cert, key }: NonNullable<RabbitMqOptions['tls']>, port: number): readonly string[] {
  return [
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    'num_acceptors.ssl = 2',
    `ssl_options.cacertfile = ${ca}`,
    `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`,
    'ssl_options.verify = verify_none',
    'ssl_options.fail_if_no_peer_cert = false',
  ];
}
