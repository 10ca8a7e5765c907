import { expect, onTestFinished, test } from 'vitest';
import { noteMessage, submitMessage } from '../../src/backend/amqp/wire/message/encode.ts';
import { Names } from '../../src/backend/amqp/wire/names.ts';
import type { Event } from '../../src/core/task/event.ts';
import { claimed, complete, done, envelope, submit } from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';
import { fixture, messagesOfFixture } from './support/fixture-0.1.ts';

test('a log that 0.1 wrote folds to the tasks that 0.1 read, and accepts new entries', async () => {
  const { at, tasks } = fixture('log');
  const harness = await makeAmqpHarness({ roles: ['coder', 'tester'] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  for (const { exchange, key, properties, content } of messagesOfFixture())
    await client.publish(`${harness.names.prefix}${exchange}`, key, content, properties);

  harness.clock.advance(at - harness.clock.now());
  const [first, fresh] = [await harness.open(), await harness.open()];
  expect(await first.list({ limit: 100 })).toEqual(tasks.map(({ task }) => task).toReversed());
  for (const { task, events } of tasks) expect(await first.history(task.id)).toEqual(events);
  expect(await first.passedOver!()).toEqual([]);

  const next = await claimed(first, { role: 'tester' });
  await done(first, complete(next.id, 1, { by: 'tester' }), submit('new'));
  expect(await fresh.list({ limit: 100 })).toEqual(await first.list({ limit: 100 }));
  expect(await fresh.audit(false)).toEqual([]);
});

test('0.1 stops at every entry that only coordinators may write, and reads the entries of workers', () => {
  const names = new Names('x');
  const base = { v: 1, task_id: 'a', at: 1 } as const;
  const submitted: Event = { ...base, type: 'submitted', envelope: envelope('a') };
  expect(submitMessage(names, '1', submitted, 1).options.headers).toMatchObject({ 'agentq-version': 2 });
  const versionOf = (event: Event) => {
    const { content } = noteMessage(names, '1', 1, { events: [event], roles: ['coder'] });
    return (JSON.parse(content.toString()) as { v: number }).v;
  };
  expect(versionOf(submitted)).toBe(2);
  expect(versionOf({ ...base, type: 'cancelled', by: 'coordinator' })).toBe(2);
  expect(versionOf({ ...base, type: 'claimed', attempt: 1, worker: 'w', expires_at: 2 })).toBe(1);
});
