import type { Backend } from '../../../src/backend/backend.ts';
import { openBackend, openTopology } from '../../../src/backend/open.ts';
import type { BrokerOptions } from '../../../src/backend/options.ts';
import { Names } from '../../../src/backend/amqp/wire/names.ts';
import { ROLE, SECOND } from '../contract/checked-requests.ts';
import { withPrefix } from './amqp-harness.ts';
import { makeFolder, removeFolder } from './scratch.ts';
import { storeOptions } from './store-options.ts';

/** Longer than any outage of a broker in a test, in ms. */
const TIME_LIMIT = 120 * SECOND;

export interface SiteOptions {
  /** The URL to connect to, for example of a proxy. The default is the broker itself. */
  readonly at?: string;
  /** The folder of the machine. The default is a new folder. */
  readonly dir?: string;
  readonly say?: (line: string) => void;
  readonly tokenGrace?: number;
}

/** A queue on a broker whose outages are tested. It uses the real clock, as the broker does. */
export class BrokerSite {
  readonly url: string;
  /** The work queue of the role. */
  readonly queue: string;
  readonly #backends: Backend[] = [];
  readonly #folders: string[] = [];

  private constructor(broker: string, prefix: string) {
    this.url = withPrefix(broker, prefix);
    this.queue = new Names(prefix).work(ROLE);
  }

  static async make(
    broker: string,
    prefix = `site-${Math.floor(Math.random() * 1e9).toString(36)}`,
  ): Promise<BrokerSite> {
    const site = new BrokerSite(broker, prefix);
    const given = { clock: Date.now, random: Math.random };
    const topology = await openTopology(site.#broker({}), given);
    await topology!.declare({ roles: [ROLE], coordinators: ['lead'] });
    return site;
  }

  folder(): string {
    return this.#folders[this.#folders.push(makeFolder()) - 1]!;
  }

  async open(options: SiteOptions = {}): Promise<Backend> {
    const dir = options.dir ?? this.folder();
    const backend = await openBackend(storeOptions(dir, { queue: this.#broker({ ...options, dir }) }));
    this.#backends.push(backend);
    return backend;
  }

  #broker({ at = this.url, dir = '', say = () => {}, tokenGrace = 2 * SECOND }: SiteOptions): BrokerOptions {
    const retention = { days: 30, bytes: 1e9 };
    return {
      scheme: 'amqp',
      url: at,
      patience: TIME_LIMIT,
      say,
      refOf: (path) => path,
      // Each folder is another machine, with another clock.
      machine: () => ({ name: dir, clock: dir }),
      replicated: false,
      retention,
      tokenGrace,
    };
  }

  async close(): Promise<void> {
    for (const backend of this.#backends) await backend.close();
    for (const folder of this.#folders) removeFolder(folder);
  }
}
