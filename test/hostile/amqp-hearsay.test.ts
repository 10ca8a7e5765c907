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
  /** Writes an entry that a worker of ROLE may write: a task that it reports to have found in its queue. */
  const reportFound = (id: string) => {
    const at = clock.now();
    const event = { v: 1, type: 'submitted', task_id: id, at, envelope: envelope(id) };
    const body = { v: 1, at, roles: [ROLE], events: [event] };
    return client.publish(names.exchange, `agentq.event.found.${ROLE}`, body, { messageId: `found-${id}` });
  };
  return { harness, clock, reportFound };
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

test('a coordinator can submit to another role under an id that a worker reported for its role', async () => {
  const { harness, reportFound } = await setUp();
  const [lead, other] = [await harness.openWith(harness.options()), await harness.openWith(harness.options())];
  for (const id of ['x', 'y', 'z']) await reportFound(id);
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

test('a coordinator repeats the tasks of coordinators under its key, and tasks that only a worker reported under the key of the role', async () => {
  const { harness, clock, reportFound } = await setUp();
  const options = harness.options();
  const lead = await harness.openWith(options);
  await done(lead, submit('real', { to: OTHER }));
  await reportFound('reported');
  clock.advance(11 * 24 * 60 * MINUTE);
  await lead.inbox(QUEUE, 1);
  const idsOf = (table: string) =>
    inCache<{ id: string }>(options, `SELECT id FROM tasks JOIN ${table} ON task = n ORDER BY id`).map(({ id }) => id);
  expect(idsOf('vouched')).toEqual(['real']);
  expect(idsOf('carried')).toEqual(['real', 'reported']);
});
