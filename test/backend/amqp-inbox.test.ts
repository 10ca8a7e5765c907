import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { complete, done, idsOf, QUEUE, ROLE, untilSent, submit } from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';

const ids = (backend: Backend, limit = 100) => idsOf(backend.inbox(QUEUE, limit));

/** Connections, and a number of completed tasks whose results were not read. */
async function setUp({ connections = 4, results = 10 } = {}) {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const backends = await Promise.all(Array.from({ length: connections }, () => harness.openWith(harness.options())));
  const expected = Array.from({ length: results }, (_, n) => `t${n}`);
  for (const id of expected) await done(backends[0]!, submit(id), complete(id));
  await untilSent(backends[0]!);
  return { harness, client: await PlainClient.of(harness), backends, expected };
}

test('several inbox queries at once each see every message', async () => {
  const { backends, expected } = await setUp();
  for (let n = 0; n < 5; n++) {
    expect(await Promise.all(backends.map((backend) => ids(backend)))).toEqual(backends.map(() => expected));
  }
});

test('an acknowledgement removes the messages that were read, also during inbox queries of other connections', async () => {
  const { backends, expected } = await setUp();
  const read = await backends[0]!.take(QUEUE, 5);
  expect(await idsOf(Promise.resolve(read.tasks))).toEqual(expected.slice(0, 5));
  const queries = Promise.all(backends.slice(1).map((backend) => ids(backend)));
  await read.acknowledge();
  await queries;
  expect(await ids(backends[1]!)).toEqual(expected.slice(5));
});

test('two readers that take and acknowledge in turn lose no message and see the same order', async () => {
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

test('a message that arrived twice is shown once, and one acknowledgement removes both copies', async () => {
  const { harness, client, backends } = await setUp({ connections: 2, results: 2 });
  const queue = harness.names.results(QUEUE);
  for (const { content, properties } of await client.peek(queue)) await client.put(queue, content, properties);
  expect(await client.count(queue)).toBe(4);
  const read = await backends[1]!.take(QUEUE, 10);
  expect(read.tasks.map(({ id }) => id)).toEqual(['t0', 't1']);
  await read.acknowledge();
  expect(await ids(backends[0]!)).toEqual([]);
  expect(await client.count(queue)).toBe(0);
});

test('unreadable messages in a results queue do not hide later messages', async () => {
  const { harness, client, backends } = await setUp({ connections: 2, results: 1 });
  const queue = harness.names.results(QUEUE);
  for (const body of ['garbage', Buffer.alloc(0), Buffer.from([0xff]), 'null', '[]', '{"task_id":7}']) {
    await client.put(queue, body);
  }
  await client.put(queue, { task_id: 'no-such-task', from: ROLE, to: 'lead', status: 'completed' });
  await done(backends[0]!, submit('last'), complete('last'));
  expect(await ids(backends[1]!)).toEqual(['t0', 'last']);
});
