import { AgentqError } from '../../../core/errors.ts';
import type { BackendOptions, BrokerOptions, BrokerReport, TopologyWish } from '../../options.ts';
import { parseBrokerUrl } from '../connection/broker-url.ts';
import { compare, declare, refuseDifferences, remove } from './declare.ts';
import { definitionsOf } from './definitions.ts';
import { guarantees, refuseOldBroker } from './guarantees.ts';
import { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { Names } from '../wire/names.ts';
import { noteMessage } from '../wire/encode.ts';
import { type Topology, topologyOf } from './topology.ts';

/**
 * Declares what the queue needs on the broker. Repeating it is harmless.
 * @throws AgentqError `topology` that names the objects which differ; then nothing was changed
 */
export async function createAmqp(
  broker: BrokerOptions,
  { clock, random }: Pick<BackendOptions, 'clock' | 'random'>,
  wish: TopologyWish,
): Promise<BrokerReport> {
  const { patience, say, replicated } = broker;
  const client = new ReconnectingClient(parseBrokerUrl(broker.url), { patience, say, clock, random });
  try {
    const product = await client.withConnection(async (connection) => connection.product);
    refuseOldBroker(product, replicated);
    const names = new Names(client.address.prefix);
    const topology = wanted(broker, wish);
    const { missing, differences } = await compare(client, topology);
    refuseDifferences(differences, client.place);
    try {
      await declare(client, topology);
    } catch (error) {
      // For users who may not declare anything, it is enough that everything exists.
      if (missing.length > 0 || !(error instanceof AgentqError) || error.code !== 'denied') throw error;
    }
    // From then on the log has a time, also for messages without a time of publication.
    const begin = noteMessage(names, `0-begin-${random().toString(36).slice(2)}`, clock(), {});
    if (missing.includes(names.log)) await client.withConnection(async (connection) => connection.publish(begin));
    return { product, place: client.place, declared: [...missing], guarantees: [...guarantees(product, replicated)] };
  } finally {
    await client.close();
  }
}

/** Deletes everything that `createAmqp` declares for the same wish, including all messages. */
export async function removeAmqp(
  broker: BrokerOptions,
  { clock, random }: Pick<BackendOptions, 'clock' | 'random'>,
  wish: TopologyWish,
): Promise<void> {
  const { patience, say } = broker;
  const client = new ReconnectingClient(parseBrokerUrl(broker.url), { patience, say, clock, random });
  try {
    await remove(client, wanted(broker, wish));
  } finally {
    await client.close();
  }
}

/** What `createAmqp` would declare. */
export function wanted({ url, replicated, retention }: BrokerOptions, { roles, coordinators }: TopologyWish): Topology {
  const names = new Names(parseBrokerUrl(url).prefix);
  const replyTos = coordinators.map((agent) => `results.${agent}`);
  return topologyOf({ names, roles, replyTos, replicated, retention });
}

/** The same topology in the format of RabbitMQ's definitions, with users and their permissions. */
export function wantedDefinitions(broker: BrokerOptions, wish: TopologyWish): object {
  const { vhost, prefix } = parseBrokerUrl(broker.url);
  return definitionsOf(
    { vhost, names: new Names(prefix), replicated: broker.replicated, ...wish },
    wanted(broker, wish),
  );
}
