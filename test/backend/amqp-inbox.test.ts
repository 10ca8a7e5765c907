import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { complete, done, idsOf, QUEUE, ROLE, sent, submit } from './contract/say.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { BrokerHand } from './support/broker-hand.ts';

const ids = (backend: Backend, limit = 100) => idsOf(backend.inbox(QUEUE, limit));

/** Connections, and so many completed tasks whose results nobody has read. */
async function setUp({ connections = 4, results = 10 } = {}) {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const backends = await Promise.all(Array.from({ length: connections }, () => harness.openWith(harness.options())));
  const expected = Array.from({ length: results }, (_, n) => `t${n}`);
  for (const id of expected) await done(backends[0]!, submit(id), complete(id));
  await sent(backends[0]!);
  return { harness, hand: await BrokerHand.of(harness), backends, expected };
}

test('everybody who looks at once sees every message', async () => {
  const { backends, expected } = await setUp();
  for (let n = 0; n < 5; n++) {
    expect(await Promise.all(backends.map((backend) => ids(backend)))).toEqual(backends.map(() => expected));
  }
});

test('an acknowledgement takes what was read, whoever looks meanwhile', async () => {
  const { backends, expected } = await setUp();
  const read = await backends[0]!.take(QUEUE, 5);
  expect(await idsOf(Promise.resolve(read.tasks))).toEqual(expected.slice(0, 5));
  const looks = Promise.all(backends.slice(1).map((backend) => ids(backend)));
  await read.acknowledge();
  await looks;
  expect(await ids(backends[1]!)).toEqual(expected.slice(5));
});

test('two who take turns at reading and acknowledging lose nothing and see the same order', async () => {
  const { backends, expected } = await setUp({ connections: 2, results: 12 });
  const taken: string[] = [];
  for (let n = 0; n < 6; n++) {
    const read = await backends[n % 2]!.take(QUEUE, 2);
    taken.push(...read.tasks.map(({ id }) => id));
    await read.acknowledge();
  }
  expect(taken).toEqual(expected);
  expect(await ids(backends[0]!)).toEqual([]);
});

test('a message that arrived twice is shown once, and is gone with one acknowledgement', async () => {
  const { harness, hand, backends } = await setUp({ connections: 2, results: 2 });
  const queue = harness.names.results(QUEUE);
  for (const { content, properties } of await hand.look(queue)) await hand.put(queue, content, properties);
  expect(await hand.count(queue)).toBe(4);
  const read = await backends[1]!.take(QUEUE, 10);
  expect(read.tasks.map(({ id }) => id)).toEqual(['t0', 't1']);
  await read.acknowledge();
  expect(await ids(backends[0]!)).toEqual([]);
  expect(await hand.count(queue)).toBe(0);
});

test('what nobody can read in a results queue hides no message behind it', async () => {
  const { harness, hand, backends } = await setUp({ connections: 2, results: 1 });
  const queue = harness.names.results(QUEUE);
  for (const body of ['garbage', Buffer.alloc(0), Buffer.from([0xff]), 'null', '[]', '{"task_id":7}']) {
    await hand.put(queue, body);
  }
  await hand.put(queue, { task_id: 'nobody', from: ROLE, to: 'lead', status: 'completed' });
  await done(backends[0]!, submit('last'), complete('last'));
  expect(await ids(backends[1]!)).toEqual(['t0', 'last']);
});
