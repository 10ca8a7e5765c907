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
  untilSent,
  submit,
  typesOf,
} from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';

/** The connections of a coordinator and of a worker, and a client that uses AMQP without agentq. */
async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE, 'reviewer'] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  const open = () => harness.openWith(harness.options({ tokenGrace: 60 * MINUTE }));
  const [here, there] = [await open(), await open()];
  const { names, clock } = harness;
  return { client, names, clock, here, there };
}

type Options = Parameters<PlainClient['publish']>[3];
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

/** The first result message declares the queue for results. */
async function withResults({ here }: Setting): Promise<void> {
  await done(here, submit('before'), complete('before'));
  await (await here.take(QUEUE, 10)).acknowledge();
}

describe('a result message of a third-party worker', () => {
  /** The two possible ways: through the exchange, which also routes it to the log, or directly into the queue. */
  const ways = {
    'through the exchange': ({ client, names }: Setting, body: object, options?: Options) =>
      client.publish(names.exchange, QUEUE, body, options),
    'directly into the queue': ({ client, names }: Setting, body: object, options?: Options) =>
      client.put(names.results(QUEUE), body, options),
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

    test('fails its task, which becomes a dead letter', async () => {
      const setting = await setUp();
      const { here, there, client, names, clock } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      await claimed(here);
      await send(setting, result('a', { status: 'failed', reason: 'it cannot be done' }));
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({ status: 'failed', reason: 'it cannot be done' });
      clock.advance(MINUTE);
      await nothingToClaim(here);
      expect(await client.peek(names.deadLetters)).toMatchObject([
        { headers: { 'agentq-task-id': 'a', 'agentq-reason': 'it cannot be done' } },
      ]);
    });

    test('completes a task that was not claimed, and its token is stale', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      await send(setting, result('a'));
      expect(await inbox(there)).toEqual(['a']);
      await nothingToClaim(here);
      expect(await here.task('a')).toMatchObject({ status: 'completed' });
    });

    test('that arrives after another completion is refused, and the history records it', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await done(here, submit('a'));
      await claimed(here);
      await done(here, complete('a', 1, { summary: 'of agentq' }));
      await untilSent(here);
      await send(setting, result('a', { summary: 'third-party' }));
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({ status: 'completed', completion: { summary: 'of agentq' } });
      expect(await there.task('a')).toMatchObject({ refused: 1 });
      expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed', 'refused']);
      await (await there.take(QUEUE, 10)).acknowledge();
      expect(await inbox(here)).toEqual([]);
    });

    test('of a task that was cancelled before is refused', async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await done(here, submit('a'));
      await claimed(here);
      await done(here, cancel('a'));
      await send(setting, result('a'));
      expect(await inbox(there)).toEqual(['a']);
      expect(await there.task('a')).toMatchObject({ status: 'cancelled' });
    });

    test('without an expected artifact is refused, and the attempt continues', async () => {
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

    test('is accepted also if every message of that worker has the task id as its message id', async () => {
      const setting = await setUp();
      const { client, names, here, there } = setting;
      await withResults(setting);
      await client.publish(names.exchange, `agentq.work.${ROLE}.normal`, envelope('a'), { messageId: 'a' });
      expect((await claimed(here)).id).toBe('a');
      await send(setting, result('a'), { messageId: 'a' });
      expect(await inbox(there)).toEqual(['a']);
      expect(await here.task('a')).toMatchObject({ status: 'completed' });
    });

    test(`wakes a process that waits for the end of a task: ${way}`, async () => {
      const setting = await setUp();
      const { here, there } = setting;
      await withResults(setting);
      await done(here, submit('a'));
      using watch = there.watch('finished');
      await there.task('a');
      await send(setting, result('a'));
      // A message that is not in the log is found when a process reads the queue.
      if (way !== 'through the exchange') await here.inbox(QUEUE, 10);
      expect(await watch.wait(30_000)).toBe(true);
      expect(await there.task('a')).toMatchObject({ status: 'completed' });
    });
  });
});

describe('a task of a third-party submitter', () => {
  const send = ({ client, names }: Setting, body: object, options?: Options) =>
    client.publish(names.exchange, `agentq.work.${ROLE}.normal`, body, options);

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

  test('may omit the fields that agentq fills in', async () => {
    const setting = await setUp();
    await send(setting, { task_id: 'a', to: ROLE, from: 'lead' });
    const { instructions: _, ...rest } = envelope('a');
    expect((await claimed(setting.here)).envelope).toEqual(rest);
  });

  test('is the first one if two have the same id', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { instructions: 'first' }));
    await send(setting, envelope('a', { instructions: 'second' }));
    expect(await claimed(setting.here)).toMatchObject({ id: 'a', envelope: { instructions: 'first' } });
    await nothingToClaim(setting.here);
  });

  test('begins its TTL when it is submitted, also if its message contains no time', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { ttl_seconds: 60 }));
    expect(await setting.there.task('a')).toMatchObject({ status: 'queued' });
    expect((await claimed(setting.here)).id).toBe('a');
  });

  test('waits if its envelope has a delay', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { delay_seconds: 60 }), { headers: { 'agentq-at': setting.clock.now() } });
    await nothingToClaim(setting.here);
    expect(await setting.there.task('a')).toMatchObject({ status: 'scheduled' });
  });

  test('is unreadable if its role is not the role of the queue', async () => {
    const setting = await setUp();
    await send(setting, envelope('a', { to: 'reviewer' }));
    await nothingToClaim(setting.here);
    await nothingToClaim(setting.here, { role: 'reviewer' });
    expect(await setting.here.task('a')).toBeUndefined();
    expect(await setting.here.list({ limit: 10 })).toMatchObject([{ envelope: { to: ROLE, type: 'unreadable' } }]);
  });

  test.for(['../../a', 'a/b', '', '.hidden', 'x'.repeat(1_000)])(
    'is unreadable if its id is not a valid name: %j',
    async (id) => {
      const setting = await setUp();
      await send(setting, envelope(id));
      await nothingToClaim(setting.here);
      expect(await setting.here.list({ limit: 10 })).toMatchObject([{ envelope: { type: 'unreadable' } }]);
    },
  );
});
