import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { BackendOptions } from '../../src/backend/options.ts';
import {
  claimed,
  complete,
  done,
  envelope,
  MINUTE,
  QUEUE,
  refused,
  ROLE,
  submit,
} from '../backend/contract/checked-requests.ts';
import { makeAmqpHarness } from '../backend/support/amqp-harness.ts';
import { PlainClient } from '../backend/support/plain-client.ts';

const OTHER = 'reviewer';

async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE, OTHER] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  const { names, clock } = harness;
  /** As a worker of ROLE may: a task that it says to have found in its queue. */
  const make = (id: string) => {
    const at = clock.now();
    const event = { v: 1, type: 'submitted', task_id: id, at, envelope: envelope(id) };
    const body = { v: 1, at, roles: [ROLE], events: [event] };
    return client.publish(names.exchange, `agentq.event.found.${ROLE}`, body, { messageId: `made-${id}` });
  };
  return { harness, clock, make };
}

function inCache<T>({ dir }: BackendOptions, sql: string): T[] {
  const name = readdirSync(dir).find((file) => /^cache-.*\.db$/.test(file));
  const db = new DatabaseSync(join(dir, name!), { readOnly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

test('an id that a worker took for its role goes to the task that a coordinator submits to another role', async () => {
  const { harness, make } = await setUp();
  const [lead, other] = [await harness.openWith(harness.options()), await harness.openWith(harness.options())];
  for (const id of ['x', 'y', 'z']) await make(id);
  expect(await other.task('x')).toMatchObject({ envelope: { to: ROLE } });
  await done(lead, submit('x', { to: OTHER }));
  const batch = await lead.commit([submit('y', { to: OTHER }), submit('new', { to: OTHER })]);
  expect(batch).toMatchObject([{ changed: true }, { changed: true }]);
  for (const id of ['x', 'y'])
    expect(await other.task(id)).toMatchObject({ status: 'queued', envelope: { to: OTHER } });
  await refused(lead, submit('z', { instructions: 'other content' }), 'conflict');
  const ids = [await claimed(other, { role: OTHER }), await claimed(other, { role: OTHER })].map(({ id }) => id);
  expect(ids).toEqual(['x', 'y']);
  await done(other, complete('x', 1, { by: OTHER }));
  expect(await (await harness.openWith(harness.options())).task('x')).toEqual(await lead.task('x'));
  expect(await lead.audit(false)).toEqual([]);
});

test('a coordinator says again what the log has shown, and leaves to its role what only the role has told of', async () => {
  const { harness, clock, make } = await setUp();
  const options = harness.options();
  const lead = await harness.openWith(options);
  await done(lead, submit('real', { to: OTHER }));
  await make('made-up');
  clock.advance(11 * 24 * 60 * MINUTE);
  await lead.inbox(QUEUE, 1);
  const told = (table: string) =>
    inCache<{ id: string }>(options, `SELECT id FROM tasks JOIN ${table} ON task = n ORDER BY id`).map(({ id }) => id);
  expect(told('vouched')).toEqual(['real']);
  expect(told('carried')).toEqual(['made-up', 'real']);
});
