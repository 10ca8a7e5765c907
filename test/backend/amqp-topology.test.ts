import amqplib, { type Channel, type ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { compare, declare, remove } from '../../src/backend/amqp/topology/declare.ts';
import { Names } from '../../src/backend/amqp/wire/names.ts';
import { type Arguments, type Topology, topologyOf } from '../../src/backend/amqp/topology/topology.ts';
import { AmqpTopology } from '../../src/backend/amqp/topology/set-up.ts';
import type { BrokerOptions } from '../../src/backend/options.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { SECOND } from './contract/checked-requests.ts';
import { withPrefix } from './support/amqp-harness.ts';
import { onClient } from './support/on-client.ts';

const given = { clock: Date.now, random: Math.random };
const wanted = { roles: ['coder', 'tester'], coordinators: ['lead'] };

let connection: ChannelModel;
beforeAll(async () => {
  connection = await amqplib.connect(amqpUrl());
});
afterAll(() => connection.close());

/** Whether the broker names the argument that differs. LavinMQ does not. */
const namesArguments = () => connection.connection.serverProperties.product === 'RabbitMQ';

interface Place {
  readonly names: Names;
  readonly broker: BrokerOptions;
  /** What `init` declares for `wanted`. */
  readonly topology: Topology;
}

/** A place with an unused prefix. */
function newPlace({ replicated = false } = {}): Place {
  const prefix = `topo-${Math.floor(Math.random() * 1e9).toString(36)}`;
  const retention = { days: 30, bytes: 1e9 };
  const names = new Names(prefix);
  const broker: BrokerOptions = {
    scheme: 'amqp',
    url: withPrefix(amqpUrl(), prefix),
    patience: 20 * SECOND,
    say: () => {},
    refOf: (path) => path,
    machine: () => ({ name: 'one', clock: 'one' }),
    replicated,
    retention,
  };
  const topology = topologyOf({ names, roles: wanted.roles, replyTos: ['results.lead'], replicated, retention });
  onTestFinished(() => new AmqpTopology(broker, given).remove(wanted));
  return { names, broker, topology };
}

const init = ({ broker }: Place) => new AmqpTopology(broker, given).declare(wanted);

const namesOf = ({ queues, exchanges }: Topology) => [...exchanges, ...queues].map(({ name }) => name);

const comparison = ({ broker, topology }: Place) => onClient(broker.url, (link) => compare(link, topology));

/** Runs the body on a new channel, because the broker may close the channel. */
async function onChannel<T>(body: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  const answer = await body(channel);
  await channel.close();
  return answer;
}

/** The names of those that exist, with their type, because some exchanges and queues have the same name. */
async function present({ exchanges, queues }: Topology): Promise<readonly string[]> {
  const isThere = (ask: (channel: Channel) => Promise<unknown>) =>
    onChannel(ask).then(
      () => true,
      () => false,
    );
  const all = [
    ...exchanges.map(({ name }) => [`exchange ${name}`, (channel: Channel) => channel.checkExchange(name)] as const),
    ...queues.map(({ name }) => [`queue ${name}`, (channel: Channel) => channel.checkQueue(name)] as const),
  ];
  const found = await Promise.all(all.map(async ([what, ask]) => ((await isThere(ask)) ? [what] : [])));
  return found.flat();
}

/** Whether a queue with exactly these arguments exists. */
function isQueue(name: string, args: Arguments, more = {}): Promise<boolean> {
  return onChannel((channel) => channel.assertQueue(name, { durable: true, arguments: args, ...more })).then(
    () => true,
    () => false,
  );
}

describe('a broker without the topology', () => {
  test('lacks everything, and the comparison changes nothing', async () => {
    const place = newPlace();
    const { missing, differences } = await comparison(place);
    expect(missing.toSorted()).toEqual(namesOf(place.topology).toSorted());
    expect(differences).toEqual([]);
    expect(await present(place.topology)).toEqual([]);
  });

  for (const replicated of [false, true]) {
    test(`lacks nothing after init, replicated: ${replicated}`, async () => {
      const place = newPlace({ replicated });
      const { declared } = await init(place);
      expect(declared.toSorted()).toEqual(namesOf(place.topology).toSorted());
      expect(await comparison(place)).toEqual({ missing: [], differences: [] });
      expect(await present(place.topology)).toHaveLength(namesOf(place.topology).length);
    });
  }

  test('gets no second declaration of what exists', async () => {
    const place = newPlace();
    await init(place);
    expect(await init(place)).toMatchObject({ declared: [] });
    expect(await comparison(place)).toEqual({ missing: [], differences: [] });
  });

  test('accepts several inits at once', async () => {
    const place = newPlace();
    await Promise.all([init(place), init(place), init(place)]);
    expect(await comparison(place)).toEqual({ missing: [], differences: [] });
  });
});

describe('init names and declares what is missing:', () => {
  for (const [what, of, drop] of [
    ['a work queue', (names) => names.work('tester'), (channel, name) => channel.deleteQueue(name)],
    ['the log', (names) => names.log, (channel, name) => channel.deleteQueue(name)],
    ['a queue for results', (names) => names.results('results.lead'), (channel, name) => channel.deleteQueue(name)],
    ['an exchange', (names) => names.tokens, (channel, name) => channel.deleteExchange(name)],
  ] as const satisfies readonly [
    string,
    (names: Names) => string,
    (channel: Channel, name: string) => Promise<unknown>,
  ][]) {
    test(what, async () => {
      const place = newPlace();
      await init(place);
      const name = of(place.names);
      await onChannel((channel) => drop(channel, name));
      expect(await comparison(place)).toEqual({ missing: [name], differences: [] });
      expect(await init(place)).toMatchObject({ declared: [name] });
      expect(await comparison(place)).toEqual({ missing: [], differences: [] });
    });
  }

  test('a new role', async () => {
    const place = newPlace();
    await init(place);
    const more = { ...wanted, roles: [...wanted.roles, 'reviewer'] };
    onTestFinished(() => new AmqpTopology(place.broker, given).remove(more));
    expect(await new AmqpTopology(place.broker, given).declare(more)).toMatchObject({
      declared: [place.names.work('reviewer')],
    });
  });
});

describe('init names each difference of what exists, and changes nothing:', () => {
  /** The queue that exists, and the differences that are reported. */
  const queues: readonly [string, (names: Names) => string, Arguments, readonly RegExp[]][] = [
    ['a log that is a classic queue', (n) => n.log, { 'x-queue-type': 'classic' }, [/x-queue-type/]],
    [
      'a log that keeps entries for less time',
      (n) => n.log,
      {
        'x-queue-type': 'stream',
        'x-max-age': '7D',
        'x-max-length-bytes': 1e9,
        'x-stream-max-segment-size-bytes': 50_000_000,
      },
      [/x-max-age.*30D.*7D/],
    ],
    [
      'a log that keeps everything',
      (n) => n.log,
      { 'x-queue-type': 'stream' },
      [/x-max-age/, /x-max-length-bytes/, /x-stream-max-segment-size-bytes/],
    ],
    ['a work queue without priorities', (n) => n.work('coder'), { 'x-queue-type': 'classic' }, [/x-max-priority/]],
    [
      'a work queue with other priorities, that drops old messages',
      (n) => n.work('coder'),
      { 'x-queue-type': 'classic', 'x-max-priority': 9, 'x-message-ttl': 60_000 },
      [/x-max-priority.*9/, /x-message-ttl/],
    ],
    ['a work queue that is a quorum queue', (n) => n.work('coder'), { 'x-queue-type': 'quorum' }, [/./]],
    [
      'a delay of another length, with another target',
      (n) => n.delay(3),
      { 'x-queue-type': 'classic', 'x-message-ttl': 9_000, 'x-dead-letter-exchange': 'elsewhere' },
      [/x-message-ttl.*8000.*9000/, /x-dead-letter-exchange.*elsewhere/],
    ],
    [
      'a delay without an end',
      (n) => n.delay(3),
      { 'x-queue-type': 'classic' },
      [/x-message-ttl/, /x-dead-letter-exchange/],
    ],
    [
      'a limited queue of dead letters',
      (n) => n.deadLetters,
      { 'x-queue-type': 'classic', 'x-max-length': 10 },
      [/x-max-length/],
    ],
  ];

  test.for(queues)('%s', async ([, of, args, reported]) => {
    const problems = namesArguments() ? reported : [/it should be .* x-queue-type /];
    const place = newPlace();
    const name = of(place.names);
    await onChannel((channel) => channel.assertQueue(name, { durable: true, arguments: args }));
    const { missing, differences } = await comparison(place);
    expect(new Set(differences.map((difference) => difference.name))).toEqual(new Set([name]));
    // Each argument is named once.
    const named = differences.map(({ problem }) => /x-[a-z-]+/.exec(problem)?.[0]);
    expect(named).toEqual([...new Set(named)]);
    for (const problem of problems) {
      expect(differences.filter((difference) => problem.test(difference.problem))).not.toEqual([]);
    }
    expect(missing).toHaveLength(namesOf(place.topology).length - 1);
    await expect(init(place)).rejects.toMatchObject({ code: 'topology', message: expect.stringContaining(name) });
    expect(await present(place.topology)).toEqual([`queue ${name}`]);
    expect(await isQueue(name, args)).toBe(true);
  });

  test('a queue that is not durable', async () => {
    const place = newPlace();
    const name = place.names.work('coder');
    const args = { 'x-queue-type': 'classic', 'x-max-priority': 2 };
    await onChannel((channel) => channel.assertQueue(name, { durable: false, arguments: args }));
    expect(await comparison(place)).toMatchObject({
      differences: [{ name, problem: expect.stringContaining('durable') }],
    });
    await expect(init(place)).rejects.toMatchObject({ code: 'topology' });
    expect(await isQueue(name, args, { durable: false })).toBe(true);
  });

  test('an exclusive queue', async () => {
    const place = newPlace();
    const name = place.names.deadLetters;
    await onChannel((channel) => channel.assertQueue(name, { exclusive: true, durable: false }));
    const { differences } = await comparison(place);
    expect(differences).toMatchObject([{ name }]);
    await expect(init(place)).rejects.toMatchObject({ code: 'topology' });
    await onChannel((channel) => channel.deleteQueue(name));
  });

  test.for([
    ['of another type', 'fanout', true, /type.*topic.*fanout/],
    ['that is not durable', 'topic', false, /durable/],
  ] as const)('an exchange %s', async ([, type, durable, reported]) => {
    const problem = namesArguments() ? reported : /it should be a durable exchange of type topic/;
    const place = newPlace();
    const name = place.names.due;
    await onChannel((channel) => channel.assertExchange(name, type, { durable }));
    const { differences, missing } = await comparison(place);
    expect(differences).toEqual([{ name, problem: expect.stringMatching(problem) }]);
    expect(missing).not.toContain(name);
    await expect(init(place)).rejects.toMatchObject({ code: 'topology', message: expect.stringContaining(name) });
    expect(await present(place.topology)).toEqual([`exchange ${name}`]);
    await onChannel((channel) => channel.assertExchange(name, type, { durable }));
  });

  test('a workspace that wants quorum queues, while classic ones exist', async () => {
    const place = newPlace();
    await init(place);
    const replicated = { ...place.broker, replicated: true };
    await expect(new AmqpTopology(replicated, given).declare(wanted)).rejects.toMatchObject({
      code: 'topology',
      message: expect.stringContaining(place.names.work('coder')),
      hint: expect.any(String),
    });
    expect(await comparison(place)).toEqual({ missing: [], differences: [] });
  });
});

describe('a removal', () => {
  for (const replicated of [false, true]) {
    test(`leaves nothing, also if the queues contained messages, replicated: ${replicated}`, async () => {
      const place = newPlace({ replicated });
      await init(place);
      await onChannel(async (channel) => {
        channel.sendToQueue(place.names.work('coder'), Buffer.from('x'));
        channel.sendToQueue(place.names.delay(9), Buffer.from('x'));
      });
      await new AmqpTopology(place.broker, given).remove(wanted);
      expect(await present(place.topology)).toEqual([]);
    });
  }

  test('affects no other prefix, and can be repeated', async () => {
    const [place, other] = [newPlace(), newPlace()];
    await init(other);
    await onClient(place.broker.url, async (link) => {
      await remove(link, place.topology);
      await declare(link, place.topology);
      await remove(link, place.topology);
      await remove(link, place.topology);
    });
    expect(await present(place.topology)).toEqual([]);
    expect(await comparison(other)).toEqual({ missing: [], differences: [] });
  });
});
