import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import {
  claimed,
  complete,
  dismiss,
  done,
  envelope,
  fail,
  idsOf,
  MINUTE,
  nothingToClaim,
  retry,
  ROLE,
  untilSent,
  submit,
  typesOf,
} from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';

async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  const opened: Backend[] = [];
  const letters = async () => {
    await Promise.all(opened.map(untilSent));
    return client.peek(harness.names.deadLetters);
  };
  return {
    harness,
    client,
    queue: harness.names.work(ROLE),
    async open() {
      const backend = await harness.openWith(harness.options({ tokenGrace: MINUTE }));
      opened.push(backend);
      return backend;
    },
    letters,
    /** The task ids of the messages in the queue of dead letters, in order. */
    dead: async () => (await letters()).map(({ headers }) => headers['agentq-task-id']),
  };
}

describe('an unreadable message in a work queue', () => {
  for (const [what, content, shown] of [
    ['not JSON', Buffer.from('do it!'), 'do it!'],
    ['JSON but not an envelope', Buffer.from('{"to":"coder"}'), '{"to":"coder"}'],
    ['not an object', Buffer.from('[1]'), '[1]'],
    ['null', Buffer.from('null'), 'null'],
    ['not UTF-8', Buffer.from([0xff, 0xfe, 0x41, 0x5c]), '\\xff\\xfeA\\x5c'],
    ['empty', Buffer.alloc(0), ''],
    [
      'an envelope of unknown priority',
      Buffer.from(JSON.stringify({ ...envelope('x'), priority: 'urgent' })),
      'urgent',
    ],
    ['a long text', Buffer.alloc(100_000, 'x'), 'x… (100000 bytes)'],
  ] as const) {
    test(`becomes a dead letter, and workers still get the other tasks: ${what}`, async () => {
      const { client, queue, open, letters } = await setUp();
      const [here, there] = [await open(), await open()];
      await done(here, submit('a'));
      await done(here, submit('high', { priority: 'high' }));
      await client.put(queue, content, { priority: 1 });
      expect([(await claimed(there)).id, (await claimed(there)).id]).toEqual(['high', 'a']);
      await nothingToClaim(there);
      const [task] = await here.list({ dead: true, limit: 10 });
      expect(task).toMatchObject({ status: 'failed', envelope: { to: ROLE, type: 'unreadable' } });
      expect(task!.envelope.instructions).toContain(shown);
      const [letter, ...more] = await letters();
      expect(more).toEqual([]);
      expect(letter!.content.equals(content)).toBe(true);
      expect(letter!.headers).toMatchObject({
        'agentq-task-id': task!.id,
        'agentq-role': ROLE,
        'agentq-reason': (task as { reason?: string }).reason,
      });
      expect(await client.count(queue)).toBe(0);
    });
  }

  test('has the header of compressed content, but the content is not compressed', async () => {
    const { client, queue, open } = await setUp();
    const backend = await open();
    await client.put(queue, envelope('a'), { contentEncoding: 'gzip' });
    await nothingToClaim(backend);
    expect(await backend.list({ dead: true, limit: 10 })).toMatchObject([{ envelope: { type: 'unreadable' } }]);
    await client.put(queue, gzipSync(JSON.stringify(envelope('b'))), { contentEncoding: 'gzip' });
    expect((await claimed(backend)).id).toBe('b');
  });

  test('that arrives twice is one dead letter', async () => {
    const { client, queue, open, letters } = await setUp();
    const backend = await open();
    for (let n = 0; n < 2; n++) await client.put(queue, 'garbage');
    await nothingToClaim(backend);
    expect(await backend.list({ limit: 10 })).toHaveLength(1);
    expect(await letters()).toHaveLength(1);
  });

  test('is removed from the queue of dead letters when it is dismissed', async () => {
    const { client, queue, open, letters } = await setUp();
    const backend = await open();
    await client.put(queue, 'garbage');
    await nothingToClaim(backend);
    const [id] = await idsOf(backend.list({ limit: 1 }));
    await done(backend, dismiss(id!));
    expect(await letters()).toEqual([]);
  });

  test('that came through the exchange is a dead letter too', async () => {
    const { harness, client, open, letters } = await setUp();
    const backend = await open();
    await client.publish(harness.names.exchange, `agentq.work.${ROLE}.normal`, 'garbage');
    await nothingToClaim(backend);
    expect(await backend.list({ dead: true, limit: 10 })).toMatchObject([{ envelope: { type: 'unreadable' } }]);
    expect(await letters()).toHaveLength(1);
  });
});

describe('the queue of dead letters', () => {
  test('contains the envelope of a failed task and the reason', async () => {
    const { open, letters } = await setUp();
    const backend = await open();
    await done(backend, submit('a', { instructions: 'try' }));
    await claimed(backend);
    await done(backend, fail('a', 1, { reason: 'it broke: ü' }));
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    expect(JSON.parse(letter!.text)).toEqual(envelope('a', { instructions: 'try' }));
    expect(letter!.headers).toMatchObject({
      'agentq-task-id': 'a',
      'agentq-role': ROLE,
      'agentq-reason': 'it broke: ü',
      'agentq-status': 'failed',
      'agentq-attempts': 1,
    });
  });

  test('contains an expired task', async () => {
    const { harness, open, letters } = await setUp();
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    harness.clock.advance(MINUTE);
    await nothingToClaim(backend);
    expect(await letters()).toMatchObject([{ headers: { 'agentq-task-id': 'a', 'agentq-status': 'expired' } }]);
  });

  test('does not contain a task that has a further attempt, was completed or never failed', async () => {
    const { open, dead } = await setUp();
    const backend = await open();
    const backoff = { base: MINUTE, factor: 2, max: MINUTE, jitter: 0 };
    for (const id of ['a', 'b', 'c']) await done(backend, submit(id));
    await claimed(backend);
    await done(backend, fail('a', 1, { backoff }));
    await claimed(backend);
    await done(backend, complete('b', 1));
    expect(await dead()).toEqual([]);
  });

  test('loses the tasks that are retried or dismissed, and keeps the others in order', async () => {
    const { open, dead } = await setUp();
    const [here, there] = [await open(), await open()];
    for (const id of ['a', 'b', 'c', 'd', 'e']) await done(here, submit(id), fail(id));
    expect(await dead()).toEqual(['a', 'b', 'c', 'd', 'e']);
    await done(there, retry('b'), dismiss('d'));
    expect(await dead()).toEqual(['a', 'c', 'e']);
    await claimed(there);
    await done(there, fail('b', 2));
    expect(await dead()).toEqual(['a', 'c', 'e', 'b']);
    await here.commit([retry('a'), dismiss('e')]);
    expect(await dead()).toEqual(['c', 'b']);
    expect(await typesOf(here.history('b'))).toEqual([
      'submitted',
      'attempt-failed',
      'retried',
      'claimed',
      'attempt-failed',
    ]);
  });

  test('loses all tasks that several processes retry or dismiss at once', async () => {
    const { open, dead } = await setUp();
    const backends = await Promise.all(Array.from({ length: 3 }, open));
    const ids = Array.from({ length: 9 }, (_, n) => `t${n}`);
    for (const id of ids) await done(backends[0]!, submit(id), fail(id));
    await Promise.all(ids.map((id, n) => done(backends[n % 3]!, n % 2 === 0 ? retry(id) : dismiss(id))));
    expect(await backends[0]!.list({ dead: true, limit: 10 })).toEqual([]);
    expect(await dead()).toEqual([]);
  });
});
