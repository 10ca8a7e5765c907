import type { Backend } from './backend.ts';

/** What an adapter may want to know; each takes what it needs. */
export interface BackendOptions {
  /** The workspace's folder. */
  readonly dir: string;
  readonly fileMode: number;
  readonly folderMode: number;
  /** ms since 1970. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Absent: the queue lies in the workspace. */
  readonly broker?: BrokerOptions | undefined;
}

/** Where the queue lies on a broker. */
export interface BrokerOptions {
  readonly url: string;
  /** How long to wait for the broker, in ms. */
  readonly patience: number;
  /** Tells a person, in one line. */
  readonly say: (line: string) => void;
  /** Turns a path of the store into a reference that whoever reads a result message can open. */
  readonly refOf: (path: string) => string;
  readonly replicated: boolean;
  /** How long a task may be ready before a worker takes it that finds no token of it, in ms. */
  readonly tokenGrace?: number | undefined;
}

/** Opens the backend of a workspace. The only place that knows which adapters there are; each is loaded when it is used. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  if (options.broker) {
    const { openAmqp } = await import('./amqp/index.ts');
    return openAmqp(options, options.broker);
  }
  const { openSqlite } = await import('./sqlite/index.ts');
  return openSqlite(options);
}

/** Makes what the backend needs; does no harm where it is there. @returns whether anything was made */
export async function createBackend(options: BackendOptions): Promise<{ readonly created: boolean }> {
  const { createSqlite } = await import('./sqlite/index.ts');
  return createSqlite(options);
}
