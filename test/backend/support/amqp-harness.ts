import type { Names } from '../../../src/backend/amqp/wire/names.ts';
import type { Backend } from '../../../src/backend/backend.ts';
import { openBackend } from '../../../src/backend/open.ts';
import type { BackendOptions, BrokerOptions } from '../../../src/backend/options.ts';
import { amqpUrl } from '../../broker/shared-broker.ts';
import { startProxy, type TcpProxy } from '../../broker/tcp-proxy.ts';
import type { Harness } from '../contract/harness.ts';
import { brokerOptions } from './broker-options.ts';
import { makeFolder, removeFolder } from './scratch.ts';
import { takeTopology } from './topology-pool.ts';
import { storeOptions } from './store-options.ts';

/** The roles that the tests of the contract send tasks to. */
const ROLES = ['coder', 'reviewer', 'tester', 'a', 'ab', 'a-b', 'a_b', 'A'];

export interface AmqpHarness extends Harness {
  /** The URL of the broker with the prefix of this harness. */
  readonly url: string;
  readonly names: Names;
  /** The options of a connection on a new machine, with its own cache. */
  readonly options: (more?: Partial<BrokerOptions>, url?: string) => BackendOptions;
  readonly openWith: (options: BackendOptions) => Promise<Backend>;
}

/**
 * Exchanges and queues on the broker of the test run, for one test. Every second connection is on a new machine with
 * its own cache; the others share one cache.
 */
export async function makeAmqpHarness({
  replicated = false,
  roles = ROLES,
  retention = { days: 30, bytes: 1e9 },
} = {}): Promise<AmqpHarness> {
  let now = Date.UTC(2027, 0, 31);
  const { names, giveBack } = await takeTopology({ roles, replyTos: [], replicated, retention });
  const url = withPrefix(amqpUrl(), names.prefix);
  const folders: string[] = [];
  const folder = () => folders[folders.push(makeFolder()) - 1]!;
  const shared = folder();
  const connections = new Set<Backend>();
  const proxies: TcpProxy[] = [];
  let mayBeCut = false;
  // The clock of the test is ahead of the broker's clock, so the delays of the broker end too late.
  const optionsIn = (dir: string, more: Partial<BrokerOptions> = {}, at = url): BackendOptions =>
    storeOptions(dir, { clock: () => now, queue: brokerOptions(at, { replicated, retention, ...more }) });
  const openWith = async (options: BackendOptions) => {
    const backend = await openBackend(options);
    connections.add(backend);
    return backend;
  };
  return {
    // A test that asks for it connects in its own way: through a proxy, or in a process that it kills.
    get url() {
      mayBeCut = true;
      return url;
    },
    names,
    clock: {
      now: () => now,
      advance: (ms) => {
        now += ms;
      },
    },
    options: (more, at) => optionsIn(folder(), more, at),
    openWith,
    open: () => openWith(optionsIn(connections.size % 2 === 0 ? shared : folder())),
    async outage() {
      const through = new URL(url);
      const proxy = await startProxy(Number(through.port));
      proxies.push(proxy);
      mayBeCut = true;
      through.port = String(proxy.port);
      const backend = await openWith(optionsIn(folder(), {}, through.href));
      return { backend, begin: () => proxy.cut(), end: () => proxy.heal() };
    },
    async close() {
      for (const backend of connections) await backend.close();
      for (const proxy of proxies) await proxy.close();
      await giveBack(mayBeCut);
      for (const one of folders) removeFolder(one);
    },
  };
}

/** Accepts also a URL with several hosts, which `URL` cannot parse. */
export function withPrefix(url: string, prefix: string): string {
  const [address = '', query] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('prefix', prefix);
  return `${address}?${parameters.toString()}`;
}
