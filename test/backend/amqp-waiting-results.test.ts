import amqplib from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { lockOf } from '../../src/backend/amqp/wire/names.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import {
  complete,
  done,
  idsOf,
  MINUTE,
  nothingToClaim,
  QUEUE,
  ROLE,
  submit,
  untilSent,
} from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';
import { repeatedTasks } from './support/repeated-tasks.ts';

const DAY = 24 * 60 * MINUTE;

/** A process that waits for work, a result message that is due to be looked at, and another reader of its queue. */
async function idleWorker() {
  const made = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => made.close());
  const [other, options] = [await made.openWith(made.options()), made.options()];
  const worker = await made.openWith(options);
  await done(other, submit('over'), complete('over'));
  await untilSent(other);
  const watch = worker.watch({ role: ROLE });
  onTestFinished(() => watch[Symbol.dispose]());
  // After a ring the process is known to follow the log.
  await done(other, submit('later', { delay_seconds: (100 * DAY) / 1_000 }));
  expect(await watch.wait(30_000)).toBe(true);
  made.clock.advance(11 * DAY);
  const reader = await amqplib.connect(amqpUrl());
  let isReading = true;
  const end = async () => {
    if (isReading) await reader.close();
    isReading = false;
  };
  onTestFinished(end);
  const lock = lockOf(made.names.results(QUEUE));
  await (await reader.createChannel()).assertQueue(lock, { exclusive: true, durable: false });
  const repeats = async () => (await repeatedTasks(amqpUrl(), made.names)).filter((id) => id === 'over').length;
  return { made, options, worker, end, repeats };
}

test('a claim does not wait for the look into a queue of results', async () => {
  const { worker, end, repeats } = await idleWorker();
  await nothingToClaim(worker);
  expect(await repeats()).toBe(0);
  await end();
  await expect.poll(repeats, { timeout: 30_000 }).toBe(1);
});

test('a process that ends during the look into a queue of results leaves the messages, and the next one looks', async () => {
  const { made, options, worker, end, repeats } = await idleWorker();
  const client = await PlainClient.of(made);
  await nothingToClaim(worker);
  await worker.close();
  await end();
  expect(await client.count(made.names.results(QUEUE))).toBe(1);
  expect(await repeats()).toBe(0);
  expect(await idsOf((await made.openWith(options)).inbox(QUEUE, 10))).toEqual(['over']);
  expect(await repeats()).toBe(1);
});

test('hundreds of messages stay in their queue in order, whatever part of them a reader takes', async () => {
  const made = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => made.close());
  const backend = await made.openWith(made.options());
  const client = await PlainClient.of(made);
  const ids = Array.from({ length: 350 }, (_, n) => `t${n}`);
  await done(backend, ...ids.map((id) => submit(id)));
  await done(backend, ...ids.map((id) => complete(id)));
  await untilSent(backend);
  const all = await idsOf(backend.inbox(QUEUE, 1_000));
  expect(all.toSorted()).toEqual(ids.toSorted());
  expect(await idsOf(backend.inbox(QUEUE, 200))).toEqual(all.slice(0, 200));
  const taken = await backend.take(QUEUE, 150);
  expect(taken.tasks.map(({ id }) => id)).toEqual(all.slice(0, 150));
  expect(await idsOf(backend.inbox(QUEUE, 1_000))).toEqual(all.slice(150));
  await taken.acknowledge();
  expect(await idsOf(backend.inbox(QUEUE, 1_000))).toEqual(all.slice(150));
  await expect.poll(() => client.count(made.names.results(QUEUE))).toBe(200);
});

test('the ids of the waiting tasks are read from the oldest 10,000 messages, and nothing is written', async () => {
  const made = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => made.close());
  const backend = await made.openWith(made.options());
  const client = await PlainClient.of(made);
  const queue = made.names.results(QUEUE);
  await done(backend, submit('first'), complete('first'), submit('open'));
  await untilSent(backend);
  const result = (task_id: string) => ({ task_id, from: ROLE, to: QUEUE, status: 'completed' });
  await client.put(queue, result('open'));
  const headers = { 'agentq-announces': 'an entry that the log has dropped' };
  for (let n = 0; n < 10_000; n += 100)
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.put(queue, result(`old-${n + i}`), { headers })));
  await done(backend, submit('last'), complete('last'));
  await untilSent(backend);
  expect(await backend.inboxIds(QUEUE)).toEqual(new Set(['first']));
  expect(await backend.task('open')).toMatchObject({ status: 'queued' });
  await expect.poll(() => client.count(queue)).toBe(10_003);
});
