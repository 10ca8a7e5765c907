import { describe, expect, onTestFinished, test } from 'vitest';
import { FORMAT } from '../../src/backend/amqp/wire/message/format.ts';
import type { Backend } from '../../src/backend/backend.ts';
import {
  claimRequest,
  claimed,
  complete,
  done,
  envelope,
  idsOf,
  nothingToClaim,
  QUEUE,
  ROLE,
  submit,
  commitOne,
} from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';

async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  const { exchange } = harness.names;
  return {
    harness,
    open: () => harness.openWith(harness.options()),
    publish: (key: string, body: unknown, options?: Parameters<PlainClient['publish']>[3]) =>
      client.publish(exchange, key, body, options),
  };
}

const entry = (more: object) => ({ v: 1, at: 0, roles: [], events: [], ...more });

describe('an entry of a newer agentq', () => {
  for (const [what, key, body, options] of [
    ['a newer version of the entry', 'agentq.event.cancelled.coder', entry({ v: FORMAT + 1 }), {}],
    [
      'a newer version of an event',
      'agentq.event.claimed',
      entry({ events: [{ v: 2, type: 'unknown', task_id: 'a' }] }),
      {},
    ],
    [
      'an unknown type of event',
      'agentq.event.unknown',
      entry({ events: [{ v: 1, type: 'unknown', task_id: 'a' }] }),
      {},
    ],
    [
      'an envelope with a newer version in its header',
      `agentq.work.${ROLE}.normal`,
      envelope('b'),
      { headers: { 'agentq-version': FORMAT + 1 } },
    ],
  ] as const) {
    test(`stops every command: ${what}`, async () => {
      const { open, publish } = await setUp();
      const [knowing, fresh] = [await open(), await open()];
      await done(knowing, submit('a'));
      await publish(key, body, { messageId: 'newer', ...options });
      for (const backend of [knowing, fresh]) {
        for (const command of [
          () => commitOne(backend, submit('c')),
          () => backend.claim(claimRequest()),
          () => commitOne(backend, complete('a')),
          () => backend.task('a'),
          () => backend.list({ limit: 10 }),
          () => backend.counts(),
          () => backend.inbox(QUEUE, 10),
          () => backend.history('a'),
        ]) {
          await expect(command()).rejects.toMatchObject({ name: 'AgentqError', code: 'newer-schema' });
        }
      }
    });
  }
});

describe('an invalid entry', () => {
  const bodies = {
    'not JSON': 'garbage',
    'not UTF-8': Buffer.from([0xff, 0xfe]),
    'an empty body': '',
    null: 'null',
    'a number': '7',
    'an array': '[]',
    'an object': '{}',
    'an event of an unknown task': entry({
      events: [{ v: 1, type: 'claimed', task_id: 'no-such-task', at: 0, attempt: 1, worker: 'w', expires_at: 1 }],
    }),
    'an entry without a time': { v: 1, roles: [], events: [] },
    'an envelope': envelope('x'),
  };
  const keys = ['agentq.event.x', 'agentq.event.foreign-result', 'agentq.event.claimed.coder', QUEUE];

  for (const [what, body] of Object.entries(bodies)) {
    test(`is skipped, and all commands still work: ${what}`, async () => {
      const { open, publish } = await setUp();
      const backend = await open();
      await done(backend, submit('a'), complete('a'));
      for (const key of keys) {
        await publish(key, body);
        await publish(key, body, { messageId: 'foreign', contentEncoding: 'gzip' });
        await publish(key, body, { headers: { 'agentq-at': 'x', 'agentq-version': 'y', 'agentq-announces': 7 } });
      }
      await expectWorking(backend);
      await expectWorking(await open(), 'c');
    });
  }

  test('under an unknown key is skipped', async () => {
    const { open, publish } = await setUp();
    const backend = await open();
    for (const key of [
      'agentq',
      'agentq.',
      'agentq.event',
      'agentq.event.',
      'x',
      '',
      'agentq.work.no-such-role.normal',
    ]) {
      await publish(key, 'garbage');
    }
    await expectWorking(backend);
  });

  async function expectWorking(backend: Backend, id = 'b'): Promise<void> {
    await done(backend, submit(id));
    expect((await claimed(backend)).id).toBe(id);
    await done(backend, complete(id, 1));
    expect(await idsOf(backend.inbox(QUEUE, 10))).toContain(id);
    await nothingToClaim(backend);
    expect(await backend.audit(false)).toEqual([]);
  }
});

describe('messages without an id', () => {
  test('are separate entries, and a reader can continue after them', async () => {
    const { harness, publish } = await setUp();
    const options = harness.options();
    const first = await harness.openWith(options);
    await done(first, submit('a'));
    for (const id of ['b', 'c']) await publish(`agentq.work.${ROLE}.normal`, envelope(id));
    expect(await idsOf(first.list({ limit: 10 }))).toEqual(['c', 'b', 'a']);
    await publish(`agentq.work.${ROLE}.normal`, envelope('d'));
    await first.close();
    const second = await harness.openWith(options);
    expect(await idsOf(second.list({ limit: 10 }))).toEqual(['d', 'c', 'b', 'a']);
    await publish('agentq.event.x', 'garbage');
    expect(await idsOf(second.list({ limit: 10 }))).toEqual(['d', 'c', 'b', 'a']);
  });
});
