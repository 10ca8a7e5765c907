import { mkdirSync } from 'node:fs';
import { openTopology } from '../src/backend/open.ts';
import type { TopologyWish } from '../src/backend/topology.ts';
import { Names } from '../src/backend/amqp/wire/names.ts';
import { agentq } from './agentq.ts';
import type { BenchBroker } from './broker.ts';
import { openOptions } from './services.ts';

const wish: TopologyWish = {
  roles: ['bench'],
  coordinators: ['coordinator'],
};

/** A workspace with a queue on the broker, under its own name. */
export class BrokerWorkspace implements AsyncDisposable {
  readonly folder: string;
  /** The prefix of all names that are declared for it. */
  readonly names: Names;

  /** The URL of the broker, with this prefix. */
  readonly url: string;

  private constructor(folder: string, prefix: string, url: string) {
    this.folder = folder;
    this.url = url;
    this.names = new Names(prefix);
  }

  /** Creates the folder and the workspace in it. */
  static async make(folder: string, broker: BenchBroker): Promise<BrokerWorkspace> {
    const url = new URL(await broker.url());
    const prefix = broker.name();
    url.searchParams.set('prefix', prefix);
    mkdirSync(folder, { recursive: true });
    agentq(
      folder,
      'init',
      '--url',
      url.href,
      '--workers',
      wish.roles.join(),
      '--coordinators',
      wish.coordinators.join(),
    );
    return new BrokerWorkspace(folder, prefix, url.href);
  }

  /** Removes all queues of the workspace from the broker, which may serve other workspaces too. */
  async [Symbol.asyncDispose](): Promise<void> {
    const options = await openOptions(this.folder);
    const topology = await openTopology(options.queue, options);
    await topology!.remove(wish);
  }
}
