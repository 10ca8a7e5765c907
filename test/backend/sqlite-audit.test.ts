import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { cancel, claimed, complete, done, everything, fail, idsOf, submit } from './contract/checked-requests.ts';
import { Child } from './support/child.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';

interface Store {
  readonly dir: string;
  readonly backend: Backend;
  /** Changes the file without agentq. */
  readonly tamper: (sql: string) => void;
}

/** Tasks `queued`, `later`, `working`, `completed`, `failed` and `cancelled`, each in the state of its name. */
async function store(): Promise<Store> {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  const backend = await openBackend(storeOptions(dir));
  const other = new DatabaseSync(join(dir, 'agentq.db'));
  onTestFinished(async () => {
    other.close();
    await backend.close();
  });
  await done(backend, submit('completed'), complete('completed'), submit('failed'), fail('failed'));
  await done(backend, submit('cancelled'), cancel('cancelled'), submit('working', { priority: 'high' }));
  await claimed(backend);
  await done(backend, submit('queued'), submit('later', { delay_seconds: 3_600 }));
  expect(await backend.audit(false)).toEqual([]);
  return { dir, backend, tamper: (sql) => other.exec(sql) };
}

const row = (id: string) => `WHERE id = '${id}'`;
const eventsOf = (id: string) => `WHERE task = (SELECT n FROM tasks ${row(id)})`;

for (const [what, id, change] of [
  ['status', 'working', `status = 'queued'`],
  ['state', 'working', `state = json_set(state, '$.lease.worker', 'other')`],
  ['state, which is no JSON', 'queued', `state = substr(state, 1, 40)`],
  ['state, which belongs to another task', 'queued', `state = (SELECT state FROM tasks ${row('completed')})`],
  ['due time', 'later', `due_at = due_at + 60000`],
  ['due time, which is missing', 'later', `due_at = NULL`],
  ['time since which it is ready', 'queued', `ready_at = 1`],
  ['mark as a dead letter', 'failed', `dead = 0`],
  ['role', 'queued', `role = 'reviewer'`],
  ['sender', 'queued', `sender = 'another'`],
  ['priority', 'queued', `rank = 2`],
  ['id', 'queued', `id = 'renamed'`],
] as const) {
  test(`an audit finds a row with another ${what} and repairs it from the log`, async () => {
    const { backend, tamper } = await store();
    const before = await everything(backend);
    tamper(`UPDATE tasks SET ${change} ${row(id)}`);
    // The finding may name a renamed row by either id.
    const subject: unknown = expect.stringMatching(new RegExp(`^(${id}|renamed)$`));
    expect(await backend.audit(false)).toEqual([
      { subject, problem: expect.any(String), repairable: true, repaired: false },
    ]);
    expect(await backend.audit(false)).toHaveLength(1);
    expect(await backend.audit(true)).toEqual([
      { subject, problem: expect.any(String), repairable: true, repaired: true },
    ]);
    expect(await backend.audit(false)).toEqual([]);
    expect(await everything(backend)).toEqual(before);
  });
}

test('an audit finds a row with a wrong early due time and repairs it from the log', async () => {
  const { dir, backend, tamper } = await store();
  const before = await everything(backend);
  tamper(`UPDATE tasks SET due_at = 1 ${row('queued')}`);
  // In another process, which can be killed: an audit that never ends must not stop the tests.
  const findings = await new Child(new URL('processes/audit.ts', import.meta.url), [dir], 10_000).output();
  expect(findings.map((line) => JSON.parse(line) as unknown)).toEqual([
    { subject: 'queued', problem: expect.any(String), repairable: true, repaired: true },
  ]);
  expect(await everything(backend)).toEqual(before);
});

test('an audit finds a missing row and restores it from the log', async () => {
  const { backend, tamper } = await store();
  const before = await idsOf(backend.list({ limit: 10 }));
  tamper(`DELETE FROM tasks ${row('working')}`);
  expect(await backend.audit(false)).toHaveLength(1);
  expect(await backend.audit(true)).toMatchObject([{ repaired: true }]);
  expect(await backend.audit(false)).toEqual([]);
  expect(await idsOf(backend.list({ limit: 10 }))).toEqual(before);
  expect(await backend.task('working')).toMatchObject({ status: 'working', lease: { attempt: 1 } });
});

test('a repair derives every row from the log if all rows were changed', async () => {
  const { backend, tamper } = await store();
  const before = await everything(backend);
  tamper(`UPDATE tasks SET status = 'queued', state = '{}', dead = 0, due_at = NULL, ready_at = 5`);
  expect((await backend.audit(true)).map((finding) => finding.repaired)).toEqual(Array.from({ length: 6 }, () => true));
  expect(await everything(backend)).toEqual(before);
});

for (const [what, change] of Object.entries({
  'that is not JSON': `UPDATE events SET body = '{"v":1,' ${eventsOf('failed')}`,
  'of a type that does not exist': `UPDATE events SET body = '{"v":1,"type":"exploded"}' ${eventsOf('failed')}`,
  'without a required field': `UPDATE events SET body = json_remove(body, '$.at') ${eventsOf('failed')}`,
  'of an unknown version': `UPDATE events SET body = json_set(body, '$.v', 99) ${eventsOf('failed')}`,
})) {
  test(`an audit names the task of an event ${what}, and a repair changes neither the event nor the row`, async () => {
    const { backend, tamper } = await store();
    const before = await backend.list({ limit: 10 });
    tamper(change);
    for (const repair of [false, true, false]) {
      expect(await backend.audit(repair)).toEqual([
        { subject: 'failed', problem: expect.stringContaining('event'), repairable: false, repaired: false },
      ]);
    }
    expect(await backend.list({ limit: 10 })).toEqual(before);
  });
}

test('a repair repairs the other rows if one event is unreadable', async () => {
  const { backend, tamper } = await store();
  tamper(`UPDATE events SET body = 'x' ${eventsOf('failed')}; UPDATE tasks SET status = 'failed' ${row('queued')}`);
  const findings = await backend.audit(true);
  expect(findings).toHaveLength(2);
  expect(findings).toContainEqual({
    subject: 'failed',
    problem: expect.any(String),
    repairable: false,
    repaired: false,
  });
  expect(findings).toContainEqual({ subject: 'queued', problem: expect.any(String), repairable: true, repaired: true });
  expect(await idsOf(backend.list({ statuses: ['queued'], limit: 10 }))).toEqual(['queued']);
});

test('an audit names a task without events, and a repair keeps it', async () => {
  const { backend, tamper } = await store();
  tamper(`DELETE FROM events ${eventsOf('queued')}`);
  expect(await backend.audit(true)).toEqual([
    { subject: 'queued', problem: expect.any(String), repairable: false, repaired: false },
  ]);
  expect(await backend.task('queued')).toMatchObject({ status: 'queued' });
});

test('an audit names events that belong to no task', async () => {
  const { backend, tamper } = await store();
  tamper(`INSERT INTO events (task, body) VALUES (12345, '{}')`);
  expect(await backend.audit(false)).toMatchObject([{ subject: 'row 12345', repaired: false }]);
});

test('an audit finds an added event, because the row of the task does not contain its effect', async () => {
  const { backend, tamper } = await store();
  const event = JSON.stringify({ v: 1, type: 'cancelled', task_id: 'queued', at: 1, by: 'other' });
  tamper(`INSERT INTO events (task, body) SELECT n, '${event}' FROM tasks ${row('queued')}`);
  expect(await backend.audit(false)).toMatchObject([{ subject: 'queued', repaired: false }]);
});
