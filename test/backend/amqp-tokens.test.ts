import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import type { Envelope } from '../../src/core/envelope/envelope.ts';
import {
  claimRequest,
  cancel,
  claimed,
  complete,
  done,
  envelope,
  fail,
  idsOf,
  MINUTE,
  nothingToClaim,
  ROLE,
  SECOND,
  submit,
  typesOf,
} from './contract/checked-requests.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient, type QueuedMessage } from './support/plain-client.ts';

const tokenGrace = MINUTE;

interface Setting {
  readonly harness: AmqpHarness;
  readonly client: PlainClient;
  /** The work queue of the role. */
  readonly queue: string;
  readonly open: () => Promise<Backend>;
}

/** Connections that claim a task only with its token, until the task has been ready for a minute. */
async function setUp(): Promise<Setting> {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  return {
    harness,
    client: await PlainClient.of(harness),
    queue: harness.names.work(ROLE),
    open: () => harness.openWith(harness.options({ tokenGrace })),
  };
}

async function oneOf(client: PlainClient, queue: string): Promise<QueuedMessage> {
  const [token, ...more] = await client.peek(queue);
  expect(more).toEqual([]);
  return token!;
}

describe('a token', () => {
  test('that was duplicated gives its task to one worker, and all copies are removed', async () => {
    const { client, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    const { content, properties } = await oneOf(client, queue);
    for (let n = 0; n < 3; n++) await client.put(queue, content, properties);
    expect(await claimed(here)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(there);
    await nothingToClaim(here);
    expect(await client.count(queue)).toBe(0);
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed']);
  });

  test.for<[string, (backend: Backend) => Promise<unknown>, string]>([
    ['is held by another worker', (backend) => claimed(backend), 'working'],
    ['is completed', (backend) => done(backend, complete('a')), 'completed'],
    ['is cancelled', (backend) => done(backend, cancel('a')), 'cancelled'],
  ])('that arrives when its task %s changes nothing, and the next task can be claimed', async ([, end, status]) => {
    const { client, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    const { content, properties } = await oneOf(client, queue);
    await end(here);
    await client.purge(queue);
    const history = await here.history('a');
    await client.put(queue, content, properties);
    await done(here, submit('b'));
    expect((await claimed(there, { worker: 'worker-2' })).id).toBe('b');
    await nothingToClaim(there);
    expect(await there.task('a')).toMatchObject({ status });
    expect(await there.history('a')).toEqual(history);
    expect(await client.count(queue)).toBe(0);
  });

  test('of a task that is not in the log is recorded in the log, and the task can be claimed', async () => {
    const { client, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await client.put(queue, envelope('a', { instructions: 'from outside' }));
    expect(await there.task('a')).toBeUndefined();
    const task = await claimed(here);
    expect(task).toMatchObject({ id: 'a', envelope: { instructions: 'from outside', from: 'lead' } });
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed']);
    await nothingToClaim(there);
  });

  test('of a task that is not in the log, without a time, gets the current time', async () => {
    const { harness, client, queue, open } = await setUp();
    const backend = await open();
    await client.put(queue, envelope('a', { ttl_seconds: 60 }));
    expect(await claimed(backend)).toMatchObject({ id: 'a', submitted_at: harness.clock.now() });
  });

  test('that was lost is not needed after the grace, and its task cannot be claimed before', async () => {
    const { harness, client, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    await client.purge(queue);
    const ready = harness.clock.now();
    await nothingToClaim(there);
    harness.clock.advance(10 * SECOND);
    expect(await nothingToClaim(there)).toMatchObject({ next_due: ready + tokenGrace });
    harness.clock.advance(tokenGrace - 10 * SECOND - 1);
    await nothingToClaim(there);
    await nothingToClaim(here);
    harness.clock.advance(1);
    expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(here);
  });

  test('that arrives later than the log entry of its ready task is looked for again within a second', async () => {
    const { harness, client, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await nothingToClaim(there);
    await done(here, submit('a'));
    const { content, properties } = await oneOf(client, queue);
    await client.purge(queue);
    harness.clock.advance(20 * SECOND);
    await there.counts();
    expect((await nothingToClaim(there)).next_due! - harness.clock.now()).toBeLessThanOrEqual(SECOND);
    await client.put(queue, content, properties);
    expect((await claimed(there)).id).toBe('a');
  });

  test('of a delay that had ended before it was sent stays until a worker claims it', async () => {
    const { harness, client, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    await claimed(here);
    const backoff = { base: SECOND, factor: 1, max: SECOND, jitter: 0 };
    const at = harness.clock.now();
    harness.clock.advance(10 * SECOND);
    // A failure with an earlier time, like one that is reported after an outage.
    await done(here, { ...fail('a', 1, { backoff }), at });
    expect((await oneOf(client, queue)).properties.expiration).toBeUndefined();
    expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
  });

  test('gives its task to one of many workers that claim at once', async () => {
    const { open } = await setUp();
    const backends = await Promise.all(Array.from({ length: 4 }, open));
    await done(backends[0]!, submit('a'));
    const answers = await Promise.all(backends.map((backend, n) => backend.claim(claimRequest({ worker: `w${n}` }))));
    expect(answers.filter(({ task }) => task)).toHaveLength(1);
    expect(await typesOf(backends[0]!.history('a'))).toEqual(['submitted', 'claimed']);
  });

  test('is given to each worker if there are as many tasks as claims', async () => {
    const { open } = await setUp();
    const backends = await Promise.all(Array.from({ length: 3 }, open));
    const ids = Array.from({ length: 12 }, (_, n) => `t${n}`);
    await Promise.all(ids.map((id, n) => done(backends[n % 3]!, submit(id))));
    const answers = await Promise.all(ids.map((_, n) => backends[n % 3]!.claim(claimRequest({ worker: `w${n}` }))));
    expect(new Set(answers.map(({ task }) => task?.id))).toEqual(new Set(ids));
  });

  test('of a higher priority is taken first, and of equal priorities the oldest', async () => {
    const { open } = await setUp();
    const backend = await open();
    const order: [string, Envelope['priority']][] = [
      ['l1', 'low'],
      ['n1', 'normal'],
      ['h1', 'high'],
      ['l2', 'low'],
      ['n2', 'normal'],
      ['h2', 'high'],
    ];
    for (const [id, priority] of order) await done(backend, submit(id, { priority }));
    const ids = [];
    for (let n = 0; n < order.length; n++) ids.push((await claimed(backend)).id);
    expect(ids).toEqual(['h1', 'h2', 'n1', 'n2', 'l1', 'l2']);
  });
});

describe('the broker itself', () => {
  /** With the real clock, which is also the broker's: the clock of the harness stands still. */
  const realTime = ({ harness }: Setting) => harness.openWith({ ...harness.options({ tokenGrace }), clock: Date.now });

  test('delivers the token of a delayed task after the delay', async () => {
    const setting = await setUp();
    const backend = await realTime(setting);
    await done(backend, submit('a', { delay_seconds: 1.5 }));
    expect(await setting.client.count(setting.queue)).toBe(0);
    await nothingToClaim(backend);
    await expect.poll(() => setting.client.count(setting.queue), { timeout: 30_000, interval: 50 }).toBe(1);
    expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'became-due', 'claimed']);
    expect(await setting.client.count(setting.queue)).toBe(0);
  });

  test('makes a delayed task available to a worker that waits for a wake-up or for the next due time', async () => {
    const setting = await setUp();
    const [here, there] = [await realTime(setting), await realTime(setting)];
    using watch = there.watch({ role: ROLE });
    await there.counts();
    await done(here, submit('a', { delay_seconds: 2 }));
    const ids: (string | undefined)[] = [];
    for (let tries = 0; tries < 100 && !ids.includes('a'); tries++) {
      const { task, ...nothing } = await there.claim(claimRequest());
      ids.push(task?.id);
      const { next_due } = nothing as { next_due?: number };
      if (!task) await watch.wait(next_due === undefined ? SECOND : Math.max(10, next_due - Date.now()));
    }
    expect(ids.at(-1)).toBe('a');
    expect(await typesOf(here.history('a'))).toEqual(['submitted', 'became-due', 'claimed']);
    await nothingToClaim(here);
  });

  test('drops the token of a task whose TTL has passed, and the task is expired', async () => {
    const setting = await setUp();
    const backend = await realTime(setting);
    await done(backend, submit('a', { ttl_seconds: 1 }));
    expect(await setting.client.count(setting.queue)).toBe(1);
    await expect.poll(() => setting.client.count(setting.queue), { timeout: 30_000, interval: 50 }).toBe(0);
    await expect.poll(async () => (await backend.task('a'))?.status, { timeout: 30_000 }).toBe('expired');
    await nothingToClaim(backend);
    expect(await idsOf(backend.list({ dead: true, limit: 10 }))).toEqual(['a']);
  });
});
