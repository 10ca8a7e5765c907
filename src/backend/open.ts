import type { Archive } from './archive.ts';
import type { Backend } from './backend.ts';
import type { Glance } from './glance.ts';
import type { BackendOptions, BrokerOptions, FileOptions, Given, QueueOptions, Scheme } from './options.ts';
import type { Topology } from './topology.ts';

/** What one backend offers. Its modules are loaded when they are used. */
interface Adapter<Q extends QueueOptions> {
  open(options: BackendOptions, queue: Q): Promise<Backend>;
  /** Creates what the backend needs in the workspace. Absent if that is nothing. @returns whether anything was created */
  create?(options: BackendOptions): Promise<{ readonly created: boolean }>;
  /** Absent if the queue is not a file of the workspace. */
  archive?(options: BackendOptions): Promise<Archive>;
  /** @returns undefined if this machine knows nothing of the queue */
  glance(dir: string, queue: Q): Promise<Glance | undefined>;
  /** Absent if nothing has to be declared. */
  topology?(queue: Q, given: Given): Promise<Topology>;
}

const sqlite: Adapter<FileOptions> = {
  async open(options) {
    const { openSqlite } = await import('./sqlite/index.ts');
    return openSqlite(options);
  },
  async create(options) {
    const { createSqlite } = await import('./sqlite/index.ts');
    return createSqlite(options);
  },
  async archive(options) {
    const { SqliteArchive } = await import('./sqlite/archive/archive.ts');
    return new SqliteArchive(options);
  },
  async glance(dir) {
    const { glanceAtStore } = await import('./sqlite/glance.ts');
    return glanceAtStore(dir);
  },
};

/** The workspace holds only a cache, which is created on first use. */
const amqp: Adapter<BrokerOptions> = {
  async open(options, queue) {
    const { AmqpBackend } = await import('./amqp/amqp-backend.ts');
    return new AmqpBackend(options, queue);
  },
  async glance(dir, { url }) {
    const { glanceAtCache } = await import('./amqp/glance.ts');
    return glanceAtCache(dir, url);
  },
  async topology(queue, given) {
    const { AmqpTopology } = await import('./amqp/topology/set-up.ts');
    return new AmqpTopology(queue, given);
  },
};

/** Only this table knows which adapters exist. */
const adapters: { readonly [S in Scheme]: Adapter<Extract<QueueOptions, { readonly scheme: S }>> } = {
  file: sqlite,
  amqp,
  amqps: amqp,
};

const adapterOf = ({ scheme }: QueueOptions) => adapters[scheme] as Adapter<QueueOptions>;

/** Opens the backend of a workspace. */
export function openBackend(options: BackendOptions): Promise<Backend> {
  return adapterOf(options.queue).open(options, options.queue);
}

/** Creates what the backend needs in the workspace. Harmless if it exists. @returns whether anything was created */
export async function createBackend(options: BackendOptions): Promise<{ readonly created: boolean }> {
  return (await adapterOf(options.queue).create?.(options)) ?? { created: false };
}

/** The store of a workspace for backup and restore; it may be missing or damaged. Undefined if it is not a file. */
export async function openArchive(options: BackendOptions): Promise<Archive | undefined> {
  return adapterOf(options.queue).archive?.(options);
}

/**
 * What this machine knows of a queue, without any request to it.
 * @param dir the folder of the workspace
 */
export function openGlance(dir: string, queue: QueueOptions): Promise<Glance | undefined> {
  return adapterOf(queue).glance(dir, queue);
}

/** What must be declared for a queue before it is used. Undefined if that is nothing. */
export async function openTopology(queue: QueueOptions, given: Given): Promise<Topology | undefined> {
  return adapterOf(queue).topology?.(queue, given);
}
