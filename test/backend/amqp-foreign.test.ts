import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import {
  cancel,
  claimed,
  complete,
  done,
  envelope,
  evidence,
  idsOf,
  MINUTE,
  nothingToClaim,
  QUEUE,
  ROLE,
  sent,
  submit,
  typesOf,
} from './contract/say.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { BrokerHand } from './support/broker-hand.ts';

/** A coordinator's connection and a worker's, and a hand that speaks AMQP without agentq. */
async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE, 'reviewer'] });
  onTestFinished(() => harness.close());
  const hand = await BrokerHand.of(harness);
  const open = () => harness.openWith(harness.options({ tokenGrace: 60 * MINUTE }));
  const [here, there] = [await open(), await open()];
  const { names, clock } = harness;
  return { hand, names, clock, here, there };
}

type Options = Parameters<BrokerHand['publish']>[3];
type Setting = Awaited<ReturnType<typeof setUp>>;

const result = (task_id: string, more: object = {}) => ({
  task_id,
  from: ROLE,
  to: 'lead',
  status: 'completed',
  result_ref: 'file:///elsewhere/report.md',
  summary: 'done',
  ...more,
});

const inbox = (backend: Backend, queue = QUEUE) => idsOf(backend.inbox(queue, 10));

/** The queue of results is made by whoever needs it first. */
async function withResults({ here }: Setting): Promise<void> {
  await done(here, submit('before'), complete('before'));
  await (await here.take(QUEUE, 10)).acknowledge();
}

describe('a result message of a worker that is not ours', () => {
  /** As docs and brokers let one send it: through the exchange, which tells the log, or straight into the queue. */
  const ways = {
    'through the exchange': ({ hand, names }: Setting, body: object, options?: Options) =>
      hand.publish(names.exchange, QUEUE, body, options),
    'into the queue alone': ({ hand, names }: Setting, body: object, options?: Options) =>
      hand.put(names.results(QUEUE), body, options),
  };

  describe.for(Object.entries(ways))('sent %s', ([way, send]) => {
    test('completes its task', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      await claimed(here);
      await send(setting, result('a'));
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({
        status: 'completed',
        completion: { by: ROLE, attempt: 1, summary: 'done', result_ref: 'file:///elsewhere/report.md' },
      });
      expect(await typesOf(here.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
      await (await there.take(QUEUE, 10)).acknowledge();
      expect(await inbox(here)).toEqual([]);
    });

    test('fails its task, which is a dead letter then', async () => {
      const setting = await setUp();
      const { here, there, hand, names, clock } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      await claimed(here);
      await send(setting, result('a', { status: 'failed', reason: 'it cannot be done' }));
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({ status: 'failed', reason: 'it cannot be done' });
      clock.advance(MINUTE);
      await nothingToClaim(here);
      expect(await hand.look(names.deadLetters)).toMatchObject([
        { headers: { 'agentq-task-id': 'a', 'agentq-reason': 'it cannot be done' } },
      ]);
    });

    test('completes a task that nobody had claimed, and its token is stale', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      await send(setting, result('a'));
      expect(await inbox(there)).toEqual(['a']);
      await nothingToClaim(here);
      expect(await here.task('a')).toMatchObject({ status: 'completed' });
    });

    test('that comes second is refused, and noted', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await done(here, submit('a'));
      await claimed(here);
      await done(here, complete('a', 1, { summary: 'ours' }));
      await sent(here);
      await send(setting, result('a', { summary: 'theirs' }));
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({ status: 'completed', completion: { summary: 'ours' } });
      expect(await there.task('a')).toMatchObject({ refused: 1 });
      expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed', 'refused']);
      await (await there.take(QUEUE, 10)).acknowledge();
      expect(await inbox(here)).toEqual([]);
    });

    test('of a task that was cancelled meanwhile is refused', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await done(here, submit('a'));
      await claimed(here);
      await done(here, cancel('a'));
      await send(setting, result('a'));
      expect(await inbox(there)).toEqual(['a']);
      expect(await there.task('a')).toMatchObject({ status: 'cancelled' });
    });

    test('that lacks what was promised is refused, and the task goes on', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await withResults(setting);
      await done(here, submit('a', { expected_output: { artifacts: ['patch'] } }));
      await claimed(here);
      await send(setting, result('a'));
      expect(await inbox(there)).toEqual([]);
      expect(await there.task('a')).toMatchObject({ status: 'working', refused: 1 });
      await send(setting, result('a', { artifacts: [evidence('patch')] }));
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({
        status: 'completed',
        completion: { artifacts: [evidence('patch')] },
      });
    });

    test('counts also where every message of that worker has the id of its task', async () => {
      const setting = await setUp();
      const { hand, names, here, there } = setting;
      await withResults(setting);
      await hand.publish(names.exchange, `agentq.work.${ROLE}.normal`, envelope('a'), { messageId: 'a' });
      expect((await claimed(here)).id).toBe('a');
      await send(setting, result('a'), { messageId: 'a' });
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({ status: 'completed' });
    });

    test(`is heard by whoever waits for a task to end: ${way}`, async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      using watch = there.watch('finished');
      await there.task('a');
      await send(setting, result('a'));
      // What went past the log is found by whoever looks into the queue.
      if (way !== 'through the exchange') await here.inbox(QUEUE, 10);
      expect(await watch.wait(30_000)).toBe(true);
      expect(await there.task('a')).toMatchObject({ status: 'completed' });
    });
  });
});

describe('a task of a submitter that is not ours', () => {
  const send = ({ hand, names }: Setting, body: object, options?: Options) =>
    hand.publish(names.exchange, `agentq.work.${ROLE}.normal`, body, options);

  test('is a task like any other', async () => {
    const setting = await setUp();
    const { here, there } = setting;
    await send(setting, envelope('a', { instructions: 'from outside' }));
    expect(await there.task('a')).toMatchObject({ status: 'queued', envelope: { instructions: 'from outside' } });
    expect(await claimed(here)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(there);
    await done(here, complete('a', 1));
    expect(await inbox(there)).toEqual(['a']);
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
  });

  test('may leave out what agentq fills in', async () => {
    const setting = await setUp();
    await send(setting, { task_id: 'a', to: ROLE, from: 'lead' });
    const { instructions: _, ...rest } = envelope('a');
    expect((await claimed(setting.here)).envelope).toEqual(rest);
  });

  test('is the first one where the same id comes twice', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { instructions: 'first' }));
    await send(setting, envelope('a', { instructions: 'second' }));
    expect(await claimed(setting.here)).toMatchObject({ id: 'a', envelope: { instructions: 'first' } });
    await nothingToClaim(setting.here);
  });

  test('begins its TTL when it is submitted, also where nothing says when that was', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { ttl_seconds: 60 }));
    expect(await setting.there.task('a')).toMatchObject({ status: 'queued' });
    expect((await claimed(setting.here)).id).toBe('a');
  });

  test('waits where its envelope says so', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { delay_seconds: 60 }), { headers: { 'agentq-at': setting.clock.now() } });
    await nothingToClaim(setting.here);
    expect(await setting.there.task('a')).toMatchObject({ status: 'scheduled' });
  });

  test('is none where its role is another one than that of the queue', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { to: 'reviewer' }));
    await nothingToClaim(setting.here);
    await nothingToClaim(setting.here, { role: 'reviewer' });
    expect(await setting.here.task('a')).toBeUndefined();
    expect(await setting.here.list({ limit: 10 })).toMatchObject([{ envelope: { to: ROLE, type: 'unreadable' } }]);
  });

  test.for(['../../a', 'a/b', '', '.hidden', 'x'.repeat(1_000)])('is none where its id is no name: %j', async (id) => {
    const setting = await setUp();
    await send(setting, envelope(id));
    await nothingToClaim(setting.here);
    expect(await setting.here.list({ limit: 10 })).toMatchObject([{ envelope: { type: 'unreadable' } }]);
  });
});
