import { describe, expect, onTestFinished, test } from 'vitest';
import { FORMAT } from '../../src/backend/amqp/wire/message/format.ts';
import type { Backend } from '../../src/backend/backend.ts';
import {
  ask,
  claimed,
  complete,
  done,
  envelope,
  idsOf,
  nothingToClaim,
  QUEUE,
  ROLE,
  submit,
  tell,
} from './contract/say.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { BrokerHand } from './support/broker-hand.ts';

async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const hand = await BrokerHand.of(harness);
  const { exchange } = harness.names;
  return {
    harness,
    open: () => harness.openWith(harness.options()),
    say: (key: string, body: unknown, options?: Parameters<BrokerHand['publish']>[3]) =>
      hand.publish(exchange, key, body, options),
  };
}

const entry = (more: object) => ({ v: 1, at: 0, roles: [], events: [], ...more });

describe('an entry of a newer agentq', () => {
  for (const [what, key, body, options] of [
    ['a newer form of entry', 'agentq.event.cancelled.coder', entry({ v: FORMAT + 1 }), {}],
    ['a newer form of event', 'agentq.event.claimed', entry({ events: [{ v: 2, type: 'blessed', task_id: 'a' }] }), {}],
    [
      'an unknown type of event',
      'agentq.event.blessed',
      entry({ events: [{ v: 1, type: 'blessed', task_id: 'a' }] }),
      {},
    ],
    [
      'an envelope that says so',
      `agentq.work.${ROLE}.normal`,
      envelope('b'),
      { headers: { 'agentq-version': FORMAT + 1 } },
    ],
  ] as const) {
    test(`is passed over by no command: ${what}`, async () => {
      const { open, say } = await setUp();
      const [knowing, fresh] = [await open(), await open()];
      await done(knowing, submit('a'));
      await say(key, body, { messageId: 'newer', ...options });
      for (const backend of [knowing, fresh]) {
        for (const command of [
          () => tell(backend, submit('c')),
          () => backend.claim(ask()),
          () => tell(backend, complete('a')),
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

describe('what is no entry of ours', () => {
  const bodies = {
    'no JSON': 'garbage',
    'no UTF-8': Buffer.from([0xff, 0xfe]),
    nothing: '',
    null: 'null',
    'a number': '7',
    'an array': '[]',
    'an object': '{}',
    'an event of a task that nobody knows': entry({
      events: [{ v: 1, type: 'claimed', task_id: 'nobody', at: 0, attempt: 1, worker: 'w', expires_at: 1 }],
    }),
    'an entry without a time': { v: 1, roles: [], events: [] },
    'an envelope': envelope('x'),
  };
  const keys = ['agentq.event.x', 'agentq.event.foreign-result', 'agentq.event.claimed.coder', QUEUE];

  for (const [what, body] of Object.entries(bodies)) {
    test(`is passed over, and everything goes on: ${what}`, async () => {
      const { open, say } = await setUp();
      const backend = await open();
      await done(backend, submit('a'), complete('a'));
      for (const key of keys) {
        await say(key, body);
        await say(key, body, { messageId: 'foreign', contentEncoding: 'gzip' });
        await say(key, body, { headers: { 'agentq-at': 'x', 'agentq-version': 'y', 'agentq-announces': 7 } });
      }
      await goesOn(backend);
      await goesOn(await open(), 'c');
    });
  }

  test('is passed over under keys that nobody knows', async () => {
    const { open, say } = await setUp();
    const backend = await open();
    for (const key of ['agentq', 'agentq.', 'agentq.event', 'agentq.event.', 'x', '', 'agentq.work.nobody.normal']) {
      await say(key, 'garbage');
    }
    await goesOn(backend);
  });

  async function goesOn(backend: Backend, id = 'b'): Promise<void> {
    await done(backend, submit(id));
    expect((await claimed(backend)).id).toBe(id);
    await done(backend, complete(id, 1));
    expect(await idsOf(backend.inbox(QUEUE, 10))).toContain(id);
    await nothingToClaim(backend);
    expect(await backend.audit(false)).toEqual([]);
  }
});

describe('messages that nobody has given an id', () => {
  test('are each their own, and the log can be read from there on', async () => {
    const { harness, say } = await setUp();
    const options = harness.options();
    const first = await harness.openWith(options);
    await done(first, submit('a'));
    for (const id of ['b', 'c']) await say(`agentq.work.${ROLE}.normal`, envelope(id));
    expect(await idsOf(first.list({ limit: 10 }))).toEqual(['c', 'b', 'a']);
    await say(`agentq.work.${ROLE}.normal`, envelope('d'));
    await first.close();
    const second = await harness.openWith(options);
    expect(await idsOf(second.list({ limit: 10 }))).toEqual(['d', 'c', 'b', 'a']);
    await say('agentq.event.x', 'garbage');
    expect(await idsOf(second.list({ limit: 10 }))).toEqual(['d', 'c', 'b', 'a']);
  });
});
