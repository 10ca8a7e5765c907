import type { BrokerUrl } from '../connection/broker-url.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Names } from '../wire/names.ts';
import { compare, queuesExist } from './declare.ts';
import { isTooOld, type Product } from './guarantees.ts';
import { deadLettersOf } from './topology.ts';

/** The type of all queues except the log, which is always a stream. */
export interface QueueType {
  readonly replicated: boolean;
  /** Why, for the user; undefined if it is the default. */
  readonly because?: string;
}

/** A client cannot ask for the number of nodes: more than one host in the URL is the sign of a cluster. */
export const namesCluster = ({ hosts }: Pick<BrokerUrl, 'hosts'>): boolean => hosts.length > 1;

/** The type of the queues if the user named none: that of the existing queues, else quorum queues on a cluster. */
export async function chooseQueueType(
  client: ReconnectingClient,
  names: Names,
  roles: readonly string[],
  product: Product,
): Promise<QueueType> {
  const existing = await existingType(client, names, roles);
  const cluster = namesCluster(client.address);
  if (existing !== undefined) {
    return { replicated: existing, ...((existing || cluster) && { because: 'they exist already' }) };
  }
  // LavinMQ replicates all queues of a cluster, whatever their type.
  if (!cluster || product.name !== 'RabbitMQ') return { replicated: false };
  return isTooOld(product, true)
    ? { replicated: false, because: `RabbitMQ ${product.version} is too old for quorum queues` }
    : { replicated: true, because: 'the URL names several hosts (--no-replicated: classic queues)' };
}

/** Whether the existing queues are quorum queues; undefined if there are none. */
async function existingType(
  client: ReconnectingClient,
  names: Names,
  roles: readonly string[],
): Promise<boolean | undefined> {
  // A user who may declare nothing cannot compare queues. The names of work queues tell the type too.
  for (const role of roles) {
    for (const replicated of [true, false]) {
      const queues = names.workQueues(role, replicated).map(({ queue }) => queue);
      if (await queuesExist(client, queues)) return replicated;
    }
  }
  const { queues } = deadLettersOf({ names, replicated: false });
  const { missing, differences } = await compare(client, { exchanges: [], queues, bindings: [] });
  if (missing.length > 0) return undefined;
  return differences.some(({ problem }) => /current is '?quorum/.test(problem));
}
