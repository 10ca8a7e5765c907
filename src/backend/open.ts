import { AgentqError } from '../core/errors.ts';
import type { Archive } from './archive.ts';
import type { Backend } from './backend.ts';
import type { BackendOptions, BrokerOptions, BrokerReport, TopologyWish } from './options.ts';

/** The clock in ms since 1970, and randomness in [0, 1). */
type Given = Pick<BackendOptions, 'clock' | 'random'>;

/** Opens the backend of a workspace. Only this module knows which adapters exist; each is loaded when it is used. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  if (options.broker) {
    const { AmqpBackend } = await import('./amqp/amqp-backend.ts');
    return new AmqpBackend(options, options.broker);
  }
  const { openSqlite } = await import('./sqlite/index.ts');
  return openSqlite(options);
}

/** Creates what the backend needs in the workspace. Harmless if it exists. @returns whether anything was created */
export async function createBackend(options: BackendOptions): Promise<{ readonly created: boolean }> {
  // For a queue on a broker the workspace holds a cache, which is created on first use.
  if (options.broker) return { created: false };
  const { createSqlite } = await import('./sqlite/index.ts');
  return createSqlite(options);
}

/**
 * The store of a workspace for backup and restore. It may be missing or damaged.
 * @throws AgentqError `usage` if the queue is on a broker
 */
export async function openArchive(options: BackendOptions): Promise<Archive> {
  if (options.broker) {
    throw new AgentqError(
      'usage',
      'the queue lies on a broker, which is backed up by its own means',
      'docs/brokers.md; the evidence is plain files',
    );
  }
  const { SqliteArchive } = await import('./sqlite/archive/archive.ts');
  return new SqliteArchive(options);
}

/** Declares what the queue needs on its broker. Harmless if it exists. */
export async function declareTopology(broker: BrokerOptions, given: Given, wish: TopologyWish): Promise<BrokerReport> {
  const { createAmqp } = await import('./amqp/topology/set-up.ts');
  return createAmqp(broker, given, wish);
}

/** Removes what was declared on a broker, including its content. */
export async function removeTopology(broker: BrokerOptions, given: Given, wish: TopologyWish): Promise<void> {
  const { removeAmqp } = await import('./amqp/topology/set-up.ts');
  await removeAmqp(broker, given, wish);
}

/**
 * What would be declared on a broker, without connecting to it: as agentq declares it, or as RabbitMQ's definitions
 * with users and permissions.
 */
export async function plannedTopology(
  broker: BrokerOptions,
  wish: TopologyWish,
  as: 'topology' | 'definitions',
): Promise<object> {
  const { wanted, wantedDefinitions } = await import('./amqp/topology/set-up.ts');
  return as === 'topology' ? wanted(broker, wish) : wantedDefinitions(broker, wish);
}
