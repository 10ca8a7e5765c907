import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import type { Envelope } from '../../src/core/envelope/envelope.ts';
import {
  ask,
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
} from './contract/say.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { BrokerHand, type Lying } from './support/broker-hand.ts';

const tokenGrace = MINUTE;

interface Setting {
  readonly harness: AmqpHarness;
  readonly hand: BrokerHand;
  /** The work queue of the role. */
  readonly queue: string;
  readonly open: () => Promise<Backend>;
}

/** Connections that give out no task without its token until it has waited for a minute. */
async function setUp(): Promise<Setting> {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  return {
    harness,
    hand: await BrokerHand.of(harness),
    queue: harness.names.work(ROLE),
    open: () => harness.openWith(harness.options({ tokenGrace })),
  };
}

async function oneOf(hand: BrokerHand, queue: string): Promise<Lying> {
  const [token, ...more] = await hand.look(queue);
  expect(more).toEqual([]);
  return token!;
}

describe('a token', () => {
  test('that was doubled gives its task to one worker, and is gone then', async () => {
    const { hand, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    const { content, properties } = await oneOf(hand, queue);
    for (let n = 0; n < 3; n++) await hand.put(queue, content, properties);
    expect(await claimed(here)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(there);
    await nothingToClaim(here);
    expect(await hand.count(queue)).toBe(0);
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed']);
  });

  test.for<[string, (backend: Backend) => Promise<unknown>, string]>([
    ['is held by another', (backend) => claimed(backend), 'working'],
    ['is completed', (backend) => done(backend, complete('a')), 'completed'],
    ['is cancelled', (backend) => done(backend, cancel('a')), 'cancelled'],
  ])('that comes when its task %s changes nothing, and stops no other', async ([, end, status]) => {
    const { hand, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    const { content, properties } = await oneOf(hand, queue);
    await end(here);
    await hand.purge(queue);
    const history = await here.history('a');
    await hand.put(queue, content, properties);
    await done(here, submit('b'));
    expect((await claimed(there, { worker: 'worker-2' })).id).toBe('b');
    await nothingToClaim(there);
    expect(await there.task('a')).toMatchObject({ status });
    expect(await there.history('a')).toEqual(history);
    expect(await hand.count(queue)).toBe(0);
  });

  test('of a task that the log does not know tells the log, and gives it out', async () => {
    const { hand, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await hand.put(queue, envelope('a', { instructions: 'from outside' }));
    expect(await there.task('a')).toBeUndefined();
    const task = await claimed(here);
    expect(task).toMatchObject({ id: 'a', envelope: { instructions: 'from outside', from: 'lead' } });
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed']);
    await nothingToClaim(there);
  });

  test('of a task that the log does not know, and that says no time, is taken for one of now', async () => {
    const { harness, hand, queue, open } = await setUp();
    const backend = await open();
    await hand.put(queue, envelope('a', { ttl_seconds: 60 }));
    expect(await claimed(backend)).toMatchObject({ id: 'a', submitted_at: harness.clock.now() });
  });

  test('that was lost is not missed by whoever waits for longer than the grace, and not before', async () => {
    const { harness, hand, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    await hand.purge(queue);
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

  test('that arrives after the log says that its task is ready is looked for soon, however old the task is', async () => {
    const { harness, hand, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await nothingToClaim(there);
    await done(here, submit('a'));
    const { content, properties } = await oneOf(hand, queue);
    await hand.purge(queue);
    harness.clock.advance(20 * SECOND);
    await there.counts();
    expect((await nothingToClaim(there)).next_due! - harness.clock.now()).toBeLessThanOrEqual(SECOND);
    await hand.put(queue, content, properties);
    expect((await claimed(there)).id).toBe('a');
  });

  test('of a delay that was over before it was sent stays until a worker claims it', async () => {
    const { harness, hand, queue, open } = await setUp();
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'));
    await claimed(here);
    const backoff = { base: SECOND, factor: 1, max: SECOND, jitter: 0 };
    const at = harness.clock.now();
    harness.clock.advance(10 * SECOND);
    // As a result is reported after an outage.
    await done(here, { ...fail('a', 1, { backoff }), at });
    expect((await oneOf(hand, queue)).properties.expiration).toBeUndefined();
    expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
  });

  test('is one worker’s where many ask at once', async () => {
    const { open } = await setUp();
    const backends = await Promise.all(Array.from({ length: 4 }, open));
    await done(backends[0]!, submit('a'));
    const answers = await Promise.all(backends.map((backend, n) => backend.claim(ask({ worker: `w${n}` }))));
    expect(answers.filter(({ task }) => task)).toHaveLength(1);
    expect(await typesOf(backends[0]!.history('a'))).toEqual(['submitted', 'claimed']);
  });

  test('goes to each of as many workers as there are tasks', async () => {
    const { open } = await setUp();
    const backends = await Promise.all(Array.from({ length: 3 }, open));
    const ids = Array.from({ length: 12 }, (_, n) => `t${n}`);
    await Promise.all(ids.map((id, n) => done(backends[n % 3]!, submit(id))));
    const answers = await Promise.all(ids.map((_, n) => backends[n % 3]!.claim(ask({ worker: `w${n}` }))));
    expect(new Set(answers.map(({ task }) => task?.id))).toEqual(new Set(ids));
  });

  test('of a higher priority comes first, and of the same one the oldest', async () => {
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
  /** With the clock of the broker: the harness' own stands still. */
  const realTime = ({ harness }: Setting) => harness.openWith({ ...harness.options({ tokenGrace }), clock: Date.now });

  test('brings the token of a delayed task when the delay is over', async () => {
    const setting = await setUp();
    const backend = await realTime(setting);
    await done(backend, submit('a', { delay_seconds: 1.5 }));
    expect(await setting.hand.count(setting.queue)).toBe(0);
    await nothingToClaim(backend);
    await expect.poll(() => setting.hand.count(setting.queue), { timeout: 30_000, interval: 50 }).toBe(1);
    expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'became-due', 'claimed']);
    expect(await setting.hand.count(setting.queue)).toBe(0);
  });

  test('gives a delayed task to whoever waits for a ring, or until time alone may have made one ready', async () => {
    const setting = await setUp();
    const [here, there] = [await realTime(setting), await realTime(setting)];
    using watch = there.watch({ role: ROLE });
    await there.counts();
    await done(here, submit('a', { delay_seconds: 2 }));
    const ids: (string | undefined)[] = [];
    for (let tries = 0; tries < 100 && !ids.includes('a'); tries++) {
      const { task, ...nothing } = await there.claim(ask());
      ids.push(task?.id);
      const { next_due } = nothing as { next_due?: number };
      if (!task) await watch.wait(next_due === undefined ? SECOND : Math.max(10, next_due - Date.now()));
    }
    expect(ids.at(-1)).toBe('a');
    expect(await typesOf(here.history('a'))).toEqual(['submitted', 'became-due', 'claimed']);
    await nothingToClaim(here);
  });

  test('drops the token of a task whose TTL has passed, and the log says that it expired', async () => {
    const setting = await setUp();
    const backend = await realTime(setting);
    await done(backend, submit('a', { ttl_seconds: 1 }));
    expect(await setting.hand.count(setting.queue)).toBe(1);
    await expect.poll(() => setting.hand.count(setting.queue), { timeout: 30_000, interval: 50 }).toBe(0);
    await expect.poll(async () => (await backend.task('a'))?.status, { timeout: 30_000 }).toBe('expired');
    await nothingToClaim(backend);
    expect(await idsOf(backend.list({ dead: true, limit: 10 }))).toEqual(['a']);
  });
});
