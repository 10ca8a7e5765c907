import amqplib, { type Channel } from 'amqplib';
import { afterAll } from 'vitest';
import { declare, remove } from '../../../src/backend/amqp/topology/declare.ts';
import { type Topology, type TopologyOptions, topologyOf } from '../../../src/backend/amqp/topology/topology.ts';
import { DELAY_LEVELS, Names } from '../../../src/backend/amqp/wire/names.ts';
import { amqpUrl } from '../../broker/shared-broker.ts';
import { onClient } from './on-client.ts';

/** What a topology is declared for. */
export type Wish = Omit<TopologyOptions, 'names'>;

/** Exchanges and queues on the broker of the run, empty, for one test. */
export interface PooledTopology {
  readonly names: Names;
  /** Empties it for the next test of this file. To be called when every connection of the test is closed. */
  readonly giveBack: () => Promise<void>;
}

/** The `reply_to` queues that agentq declares during tests. */
const REPLY_TOS = ['results.lead', 'team.1', 'team.10', 'results.unknown'];

interface Declared {
  readonly wish: string;
  readonly names: Names;
  readonly topology: Topology;
}

const idle = new Set<Declared>();

/**
 * Takes a topology that an earlier test of this file has given back, or declares one. To declare one costs the broker
 * ten times as much as to empty it: it has 23 delay levels with an exchange and a queue each.
 */
export async function takeTopology(wish: Wish): Promise<PooledTopology> {
  const declared = [...idle].find((one) => one.wish === JSON.stringify(wish)) ?? (await declareFor(wish));
  idle.delete(declared);
  return {
    names: declared.names,
    giveBack: async () => {
      await onChannel((channel) => empty(channel, declared));
      idle.add(declared);
    },
  };
}

/** The broker may be one that lives longer than the run: nothing is left on it. */
afterAll(async () => {
  for (const { topology } of idle) await onClient(amqpUrl(), (client) => remove(client, topology));
  idle.clear();
});

async function declareFor(wish: Wish): Promise<Declared> {
  const names = new Names(`t${process.pid.toString(36)}-${Math.floor(Math.random() * 1e9).toString(36)}`);
  const topology = topologyOf({ ...wish, names });
  await onClient(amqpUrl(), (client) => declare(client, topology));
  return { wish: JSON.stringify(wish), names, topology };
}

/**
 * The queues of the delay levels are purged: messages leave them by their time to live alone. The others are declared
 * again: a stream cannot be purged, and a connection that was cut gives its messages back when the broker notices.
 */
async function empty(channel: Channel, { names, topology: { queues, bindings } }: Declared): Promise<void> {
  const delays = new Set(Array.from({ length: DELAY_LEVELS }, (_, level) => names.delay(level)));
  const [kept, renewed] = [true, false].map((is) => queues.filter(({ name }) => delays.has(name) === is));
  const renewedNames = new Set(renewed!.map(({ name }) => name));
  await Promise.all([
    ...renewed!.map(({ name }) => channel.deleteQueue(name)),
    ...REPLY_TOS.map((replyTo) => channel.deleteQueue(names.results(replyTo))),
    ...kept!.map(({ name }) => channel.purgeQueue(name)),
    ...renewed!.map((queue) => channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments })),
    ...bindings
      .filter(({ destination }) => renewedNames.has(destination))
      .map(({ destination, source, key }) => channel.bindQueue(destination, source, key)),
  ]);
}

async function onChannel(body: (channel: Channel) => Promise<void>): Promise<void> {
  const connection = await amqplib.connect(amqpUrl());
  await body(await connection.createChannel());
  await connection.close();
}
