import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { SqliteArchive } from '../../src/backend/sqlite/archive/archive.ts';
import { storeSchema } from '../../src/backend/sqlite/schema.ts';
import { claimed, complete, done, release, submit } from './contract/checked-requests.ts';
import { Child } from './support/child.ts';
import { fixture, storeOfFixture } from './support/fixture-0.1.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';

const { at, mail, tasks } = fixture('store');

async function opened(dir: string, clock = () => at): Promise<Backend> {
  const backend = await openBackend(storeOptions(dir, { clock }));
  onTestFinished(() => backend.close());
  return backend;
}

/** A connection that does not know the format of the store. */
function raw(dir: string): DatabaseSync {
  const db = new DatabaseSync(join(dir, 'agentq.db'), { timeout: 0 });
  onTestFinished(() => {
    if (db.isOpen) db.close();
  });
  return db;
}

/** The statements of tables and indexes, without quotes and white space. */
function schemaOf(dir: string): readonly string[] {
  const rows = raw(dir).prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all() as { sql: string }[];
  return rows.map(({ sql }) => sql.replaceAll(/["\s]+/g, '')).toSorted();
}

async function expectAll(backend: Backend): Promise<void> {
  expect(await backend.list({ limit: 100 })).toEqual(tasks.map(({ task }) => task).toReversed());
  for (const { task, events } of tasks) expect(await backend.history(task.id)).toEqual(events);
  const roles = new Set(tasks.map(({ task }) => task.envelope.to));
  expect(await backend.knownRoles()).toEqual([...roles].toSorted());
  const queued = await backend.inbox('results.coordinator', 100);
  expect(queued.map(({ id }) => ({ queue: 'results.coordinator', id }))).toEqual(mail);
  expect(await backend.audit(false)).toEqual([]);
}

/** The tables that versions after 0.1 added to a store of version 1. */
const ADDITIONS = `
  CREATE TABLE inbox_shown (event INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
  INSERT INTO inbox_shown SELECT min(event), 1 FROM mailbox;
  CREATE TABLE epoch (n INTEGER PRIMARY KEY, began_at INTEGER NOT NULL) STRICT;
  INSERT INTO epoch VALUES (1, 1);
`;

for (const [what, additions] of [
  ['by 0.1', ''],
  ['by a version between 0.1 and this one', ADDITIONS],
] as const) {
  test(`a store that was written ${what} is migrated when it is opened`, async () => {
    const dir = storeOfFixture();
    raw(dir).exec(additions);
    const backend = await opened(dir);
    await expectAll(backend);
    expect(raw(dir).prepare('PRAGMA user_version').get()).toEqual({ user_version: storeSchema.version });

    const first = await claimed(backend, { role: 'tester' });
    expect(first.id).toMatch(/^key-/);
    expect(first.attempts_above).toBe(undefined);
    await done(backend, complete(first.id, 1, { by: 'tester' }), submit('new'));
    expect((await backend.task('new'))!.attempts_above).toBe(additions === '' ? undefined : 1_000);
    const taken = await backend.take('team', 10);
    expect(taken.tasks).toMatchObject([{ id: first.id }]);
    await taken.acknowledge();
    expect(await backend.inbox('team', 10)).toEqual([]);
    expect(await backend.audit(false)).toEqual([]);
  });
}

test('a store of version 5 is migrated: a refusal does not count as the last change of a task', async () => {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  let now = at;
  const before = await opened(dir, () => now);
  await done(before, submit('late'), complete('late'), submit('other'));
  now += 1_000;
  await before.commit([complete('late', 1, { summary: 'another outcome' })]);
  const task = await before.task('late');
  expect(task).toMatchObject({ refused: 1, updated_at: at });
  await before.close();
  const db = raw(dir);
  db.exec(`PRAGMA user_version = 5; DROP TABLE roles;
    UPDATE tasks SET state = json_set(state, '$.updated_at', ${now}) WHERE id = 'late'`);
  db.close();
  const backend = await opened(dir, () => now);
  expect(await backend.task('late')).toEqual(task);
  expect(await backend.audit(false)).toEqual([]);
});

test('a store of version 6 is migrated: lists find the tasks by type, worker and time', async () => {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  const before = await opened(dir);
  await done(before, submit('a', { type: 'review', group: 'release' }), submit('b'));
  await claimed(before, { worker: 'w1' });
  await done(before, release('a', 1));
  await claimed(before, { worker: 'w2' });
  await done(before, complete('a', 2));
  await before.close();
  const db = raw(dir);
  db.exec(`PRAGMA user_version = 6; DROP TABLE roles;
    UPDATE tasks SET updated_at = 0, type = NULL, group_name = NULL, workers = NULL`);
  db.close();
  const backend = await opened(dir);
  for (const filter of [{ type: 'review' }, { group: 'release' }, { worker: 'w1' }, { worker: 'w2' }])
    expect(await backend.list({ limit: 9, ...filter })).toEqual([await backend.task('a')]);
  expect(await backend.list({ limit: 9, since: at })).toHaveLength(2);
  expect(await backend.audit(false)).toEqual([]);
});

test('a migrated store has the same tables and indexes as a new one', async () => {
  const [fresh, old] = [scratchFolder(), storeOfFixture()];
  await createBackend(storeOptions(fresh));
  await opened(old);
  expect(schemaOf(old)).toEqual(schemaOf(fresh));
});

test('several processes that open an old store at once all use the migrated store', async () => {
  const dir = storeOfFixture();
  const children = Array.from(
    { length: 4 },
    () => new Child(new URL('processes/ask.ts', import.meta.url), [dir, 'list']),
  );
  const answers = await Promise.all(children.map((child) => child.output()));
  expect(answers.map(([answer]) => answer!.split(',')).map(({ length }) => length)).toEqual([10, 10, 10, 10]);
  const backend = await opened(dir, Date.now);
  expect(await backend.list({ limit: 100 })).toHaveLength(tasks.length);
  expect(await backend.audit(false)).toEqual([]);
});

test('a migration that is killed leaves the store as it was', async () => {
  const dir = storeOfFixture();
  const before = schemaOf(dir);
  const child = new Child(new URL('processes/migrate.ts', import.meta.url), [dir]);
  await child.printed(1);
  const locked = () => {
    try {
      raw(dir).exec('BEGIN IMMEDIATE; ROLLBACK');
      return false;
    } catch {
      return true;
    }
  };
  await expect.poll(locked, { timeout: 20_000 }).toBe(true);
  await child.kill();
  expect(child.lines).toEqual(['begun']);
  expect(schemaOf(dir)).toEqual(before);
  await expectAll(await opened(dir));
});

test('a process of 0.1 that has the store open fails at its next query', async () => {
  const dir = storeOfFixture();
  const old = raw(dir);
  const statements = [
    "INSERT INTO event (task, body) VALUES (1, '{}')",
    "UPDATE task SET status = 'queued' WHERE n = 1",
    'DELETE FROM mailbox',
    'DELETE FROM worker',
    'SELECT n, state FROM task LIMIT 1',
  ].map((sql) => old.prepare(sql));
  await opened(dir);
  for (const statement of statements) expect(() => statement.run()).toThrow('no such table');
  await expectAll(await opened(dir));
});

test('a process that has the store open stops when a newer agentq has migrated it', async () => {
  const dir = storeOfFixture();
  const backend = await opened(dir);
  const newer = { name: 'AgentqError', code: 'newer-schema', message: expect.stringContaining('99') };
  raw(dir).exec('PRAGMA user_version = 99');
  await expect(backend.commit([submit('late')])).rejects.toMatchObject(newer);
  await expect(backend.claim({ role: 'tester', worker: 'w', lease: 1_000 })).rejects.toMatchObject(newer);
  raw(dir).exec('ALTER TABLE tasks RENAME TO other_tasks');
  await expect(backend.list({ limit: 1 })).rejects.toMatchObject(newer);
  expect(raw(dir).prepare('SELECT count(*) AS n FROM other_tasks').get()).toEqual({ n: tasks.length });
});

test('a backup by 0.1 is migrated when it is restored, and the backup file is unchanged', async () => {
  const [dir, backup] = [scratchFolder(), storeOfFixture()];
  const options = storeOptions(dir, { clock: () => at });
  await createBackend(options);
  const archive = new SqliteArchive(options);
  const before = schemaOf(backup);
  const restored = archive.restore(archive.load(join(backup, 'agentq.db')));
  expect(restored).toMatchObject({ epoch: 1, tasks: tasks.length, leases_ended: 2 });
  expect(schemaOf(backup)).toEqual(before);
  const backend = await opened(dir);
  expect((await backend.list({ limit: 100 })).map(({ id }) => id)).toEqual(
    tasks.map(({ task }) => task.id).toReversed(),
  );
  expect(await backend.audit(false)).toEqual([]);
});
