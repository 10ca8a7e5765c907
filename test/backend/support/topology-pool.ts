import amqplib, { type Channel } from 'amqplib';
import { declare, remove } from '../../../src/backend/amqp/topology/declare.ts';
import { type Topology, type TopologyOptions, topologyOf } from '../../../src/backend/amqp/topology/topology.ts';
import { DELAY_LEVELS, Names } from '../../../src/backend/amqp/wire/names.ts';
import { amqpUrl, otherBroker } from '../../broker/shared-broker.ts';
import { onClient } from './on-client.ts';

/** What a topology is declared for. */
export type TopologyRequest = Omit<TopologyOptions, 'names'>;

/** Exchanges and queues on the broker of the run, empty, for one test. */
export interface PooledTopology {
  readonly names: Names;
  /**
   * Empties the topology for the next test of this process. Call it after all connections of the test are closed.
   * @param cut whether the broker may not know yet that one of them has ended
   */
  readonly giveBack: (cut: boolean) => Promise<void>;
}

/** The `reply_to` queues that agentq declares during tests. */
const REPLY_TOS = ['results.lead', 'team.1', 'team.10', 'results.unknown'];

interface Declared {
  readonly request: string;
  readonly names: Names;
  readonly topology: Topology;
}

const idle = new Set<Declared>();

/**
 * Takes a topology that an earlier test of this process has returned, or declares one. A declaration costs the broker ten
 * times as much as emptying it: a topology has 23 delay levels, each with an exchange and a queue.
 */
export async function takeTopology(request: TopologyRequest): Promise<PooledTopology> {
  const declared = [...idle].find((one) => one.request === JSON.stringify(request)) ?? (await declareFor(request));
  idle.delete(declared);
  return {
    names: declared.names,
    giveBack: async (cut) => {
      await onChannel((channel) => empty(channel, declared, cut));
      idle.add(declared);
    },
  };
}

/** Removes all topologies from a broker that outlives the test run. For one that does not, this costs time. */
export async function removeTopologies(): Promise<void> {
  if (!otherBroker) return;
  for (const { topology } of idle) await onClient(amqpUrl(), (client) => remove(client, topology));
  idle.clear();
}

async function declareFor(request: TopologyRequest): Promise<Declared> {
  const names = new Names(`t${process.pid.toString(36)}-${Math.floor(Math.random() * 1e9).toString(36)}`);
  const topology = topologyOf({ ...request, names });
  await onClient(amqpUrl(), (client) => declare(client, topology));
  return { request: JSON.stringify(request), names, topology };
}

/**
 * Declares the log again, because a stream cannot be purged. Purges the other queues, which costs the broker a quarter
 * of declaring them again. After a cut, it purges only the queues of the delay levels: messages leave them only by
 * their TTL, while the messages of a cut connection return to their queue when the broker notices the cut. A message
 * may leave a delay level during this call, so the levels are purged first, the longest delay before the others.
 */
async function empty(channel: Channel, { names, topology }: Declared, cut: boolean): Promise<void> {
  const levels = Array.from({ length: DELAY_LEVELS }, (_, level) => names.delay(level)).toReversed();
  const others = topology.queues.filter(({ name }) => !levels.includes(name));
  const renewed = others.filter(({ name }) => cut || name === names.log);
  const renewedNames = new Set(renewed.map(({ name }) => name));
  await Promise.all([
    ...levels.map((level) => channel.purgeQueue(level)),
    ...others.filter(({ name }) => !renewedNames.has(name)).map(({ name }) => channel.purgeQueue(name)),
    ...renewed.map(({ name }) => channel.deleteQueue(name)),
    ...REPLY_TOS.map((replyTo) => channel.deleteQueue(names.results(replyTo))),
    ...renewed.map((queue) => channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments })),
    ...topology.bindings
      .filter(({ destination }) => renewedNames.has(destination))
      .map(({ destination, source, key }) => channel.bindQueue(destination, source, key)),
  ]);
}

async function onChannel(body: (channel: Channel) => Promise<void>): Promise<void> {
  const connection = await amqplib.connect(amqpUrl());
  await body(await connection.createChannel());
  await connection.close();
}
