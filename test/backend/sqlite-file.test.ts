import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { refuseNetworkFileSystem } from '../../src/backend/sqlite/file-system.ts';
import { storeSchema } from '../../src/backend/sqlite/schema.ts';
import { AgentqError } from '../../src/core/errors.ts';
import {
  claimed,
  complete,
  done,
  idsOf,
  MINUTE,
  nothingToClaim,
  QUEUE,
  ROLE,
  submit,
} from './contract/checked-requests.ts';
import { Child } from './support/child.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';

const database = (dir: string) => join(dir, 'agentq.db');

async function opened(dir: string, more: Parameters<typeof storeOptions>[1] = {}): Promise<Backend> {
  const backend = await openBackend(storeOptions(dir, more));
  onTestFinished(() => backend.close());
  return backend;
}

/** A folder with a store of this many tasks. No process has it open. */
async function storeOf(tasks: number): Promise<string> {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  const backend = await openBackend(storeOptions(dir));
  await backend.commit(Array.from({ length: tasks }, (_, n) => submit(`t${n}`, { instructions: 'x'.repeat(500) })));
  await backend.close();
  return dir;
}

/** A connection of another program to the same file. It does not wait for locks. */
function rival(dir: string): DatabaseSync {
  const db = new DatabaseSync(database(dir), { timeout: 0 });
  onTestFinished(() => {
    if (db.isOpen) db.close();
  });
  return db;
}

function setPragma(dir: string, pragma: string): void {
  const db = new DatabaseSync(database(dir));
  db.exec(`PRAGMA ${pragma}`);
  db.close();
}

const octal = (path: string) => (statSync(path).mode & 0o7777).toString(8);

describe('a file that is not an intact store', () => {
  test('is refused if it is missing, and not created', async () => {
    const dir = scratchFolder();
    await expect(openBackend(storeOptions(dir))).rejects.toMatchObject({ code: 'corrupt', hint: expect.any(String) });
    expect(readdirSync(dir)).toEqual([]);
  });

  for (const [what, content] of Object.entries({
    'is garbage': 'garbage '.repeat(2_000),
    'is a few letters': 'agentq',
    'begins like a database and continues as garbage': `SQLite format 3\0${'garbage '.repeat(2_000)}`,
  })) {
    test(`is refused if it ${what}, and is not changed`, async () => {
      const dir = scratchFolder();
      writeFileSync(database(dir), content);
      for (const attempt of [openBackend, createBackend]) {
        await expect(attempt(storeOptions(dir))).rejects.toMatchObject({ code: 'corrupt', hint: expect.any(String) });
      }
      expect(readFileSync(database(dir), 'utf8')).toBe(content);
    });
  }

  for (const part of [0, 0.1, 0.5, 0.95]) {
    test(`is refused if only ${part * 100} % of it remain`, async () => {
      const dir = await storeOf(300);
      truncateSync(database(dir), Math.floor(statSync(database(dir)).size * part));
      await expect(
        (async () => {
          const backend = await opened(dir);
          await backend.list({ limit: 1_000 });
          await backend.audit(false);
        })(),
      ).rejects.toMatchObject({ code: 'corrupt', hint: expect.any(String) });
    });
  }

  test('is refused, or named by an audit, if its middle was overwritten', async () => {
    const dir = await storeOf(300);
    const file = openSync(database(dir), 'r+');
    writeSync(file, Buffer.alloc(3 * 4_096, 0x5a), 0, 3 * 4_096, 10 * 4_096);
    closeSync(file);
    const audited = opened(dir).then((backend) => backend.audit(false));
    const complaint = await audited.then(
      (findings) => findings[0]?.subject,
      (error: { code?: string }) => error.code,
    );
    expect(complaint).toMatch(/^(database|corrupt)$/);
  });

  for (const [what, make] of Object.entries({
    'of another program': 'CREATE TABLE customer (name TEXT)',
    'of another program that has a table of the same name': 'CREATE TABLE event (name TEXT)',
    'of another program with its own application id': 'CREATE TABLE customer (name TEXT); PRAGMA application_id = 77',
    'of another program with its own application id and no tables': 'PRAGMA application_id = 77',
    'of another program with a schema version': 'CREATE TABLE customer (name TEXT); PRAGMA user_version = 1',
  })) {
    test(`is refused if it is ${what}, and is not changed`, async () => {
      const dir = scratchFolder();
      const db = new DatabaseSync(database(dir));
      db.exec(make);
      db.close();
      const before = readFileSync(database(dir));
      for (const attempt of [openBackend, createBackend]) {
        await expect(attempt(storeOptions(dir))).rejects.toMatchObject({ code: 'corrupt', hint: expect.any(String) });
      }
      expect(readFileSync(database(dir)).equals(before)).toBe(true);
    });
  }

  test('is refused if a newer agentq has written it, and is not changed', async () => {
    const dir = await storeOf(3);
    setPragma(dir, 'user_version = 99');
    const before = readFileSync(database(dir));
    for (const attempt of [openBackend, createBackend]) {
      await expect(attempt(storeOptions(dir))).rejects.toMatchObject({
        name: 'AgentqError',
        code: 'newer-schema',
        message: expect.stringContaining('99'),
        hint: expect.any(String),
      });
    }
    expect(readFileSync(database(dir)).equals(before)).toBe(true);
    setPragma(dir, `user_version = ${storeSchema.version}`);
    expect(await idsOf((await opened(dir)).list({ limit: 10 }))).toEqual(['t2', 't1', 't0']);
  });

  test('is refused if a newer agentq has written it, and its long write-ahead log is not changed', async () => {
    const dir = await storeOf(0);
    const newer = await opened(dir);
    for (let n = 0; n < 40; n++) await newer.commit([submit(`t${n}`, { instructions: 'x'.repeat(10_000) })]);
    rival(dir).exec('PRAGMA user_version = 99');
    const files = [database(dir), `${database(dir)}-wal`];
    const before = files.map((path) => readFileSync(path));
    expect(before[1]!.length).toBeGreaterThan(512 * 1_024);
    for (const attempt of [openBackend, createBackend]) {
      await expect(attempt(storeOptions(dir))).rejects.toMatchObject({ code: 'newer-schema' });
    }
    expect(files.map((path, n) => readFileSync(path).equals(before[n]!))).toEqual([true, true]);
  });

  for (const [what, sql] of Object.entries({
    'a task that is not JSON': `UPDATE tasks SET state = '{'`,
    'an event that is not JSON': `UPDATE events SET body = '{'`,
    'an event with missing fields': `UPDATE events SET body = '{"v":1,"type":"claimed"}'`,
  })) {
    test(`is reported as corrupt when a query reads ${what}`, async () => {
      const dir = await storeOf(1);
      rival(dir).exec(sql);
      const backend = await opened(dir);
      const question = sql.includes('event') ? backend.history('t0') : backend.task('t0');
      await expect(question).rejects.toMatchObject({ name: 'AgentqError', code: 'corrupt' });
    });
  }
});

// In another process, which can be killed: a request that never ends must not stop the tests.
for (const [what, sql, question, answer] of [
  ['an early due time', 'due_at = 1', 'list', 'completed'],
  ['an early due time', 'due_at = 1', 'claim', 'nothing'],
  ['the status queued', `status = 'queued'`, 'claim', 'corrupt'],
] as const) {
  test(`a finished task whose row has ${what} does not make a ${question} endless`, async () => {
    const dir = await storeOf(1);
    await done(await opened(dir), complete('t0'));
    rival(dir).exec(`UPDATE tasks SET ${sql}`);
    const child = new Child(new URL('processes/ask.ts', import.meta.url), [dir, question], 10_000);
    expect(await child.output()).toEqual([answer]);
  });
}

describe('a folder on a network file system', () => {
  test('is refused with its name and a hint', () => {
    for (const [magic, name] of [
      [0x6969, 'NFS'],
      [0x517b, 'SMB'],
      [0xff534d42, 'CIFS'],
      [0xff534d42 | 0, 'CIFS'], // the same, if the system returns a signed number
      [0xfe534d42, 'SMB2'],
      [0x01021997, '9P'],
      [0x00c36400, 'Ceph'],
      [0x0bd00bd0, 'Lustre'],
    ] as const) {
      const error = caught(() => refuseNetworkFileSystem('/some/where', () => magic));
      expect(error).toBeInstanceOf(AgentqError);
      expect(error).toMatchObject({ code: 'unsupported-store', hint: expect.stringContaining('local disk') });
      expect((error as Error).message).toContain(`(${name})`);
      expect((error as Error).message).toContain('/some/where');
    }
  });

  test('is detected by the path of the folder', () => {
    const asked: string[] = [];
    refuseNetworkFileSystem('/some/where', (path) => asked.push(path));
    expect(asked).toEqual(['/some/where']);
  });

  test('is not detected on a local disk', () => {
    for (const magic of [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1]) {
      expect(() => refuseNetworkFileSystem('/some/where', () => magic)).not.toThrow();
    }
    expect(() => refuseNetworkFileSystem(scratchFolder())).not.toThrow();
  });
});

describe('createBackend', () => {
  test('creates the store once, and changes nothing the second time', async () => {
    const dir = scratchFolder();
    expect(await createBackend(storeOptions(dir))).toEqual({ created: true });
    const backend = await opened(dir);
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    expect(await createBackend(storeOptions(dir))).toEqual({ created: false });
    expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['b', 'a']);
    await done(backend, complete('a', 1));
    const after = await opened(dir);
    expect(await after.history('a')).toHaveLength(3);
    expect(await after.audit(false)).toEqual([]);
  });

  test('completes a store that a crash left unfinished', async () => {
    const dir = scratchFolder();
    writeFileSync(database(dir), '');
    await createBackend(storeOptions(dir));
    expect(await done(await opened(dir), submit('a'))).toMatchObject({ status: 'queued' });
  });

  for (const [who, fileMode, folderMode] of [
    ['only its owner', '600', '700'],
    ['a group', '660', '2770'],
  ] as const) {
    for (const umask of ['000', '022', '077']) {
      test(`gives access to ${who} with the umask ${umask}`, async () => {
        const dir = scratchFolder();
        await new Child(new URL('processes/create.ts', import.meta.url), [
          dir,
          'a',
          fileMode,
          folderMode,
          umask,
        ]).output();
        const modes = Object.fromEntries(
          ['agentq.db', 'agentq.db-wal', 'agentq.db-shm', 'bells', `bells/role-${ROLE}`].map((name) => [
            name,
            octal(join(dir, name)),
          ]),
        );
        expect(modes).toEqual({
          'agentq.db': fileMode,
          'agentq.db-wal': fileMode,
          'agentq.db-shm': fileMode,
          bells: folderMode,
          [`bells/role-${ROLE}`]: fileMode,
        });
      });
    }
  }

  test('creates no file of a doorbell until a process waits for it', async () => {
    const dir = await storeOf(0);
    const backend = await opened(dir);
    await done(backend, submit('a'), complete('a'));
    expect(readdirSync(join(dir, 'bells'))).toEqual([]);
    using watch = (await opened(dir)).watch({ role: ROLE });
    await done(backend, submit('b'));
    expect(await watch.wait(20_000)).toBe(true);
    expect(readdirSync(join(dir, 'bells'))).toEqual([`role-${ROLE}`]);
  });

  test('keeps the mode of an existing folder', async () => {
    const dir = join(scratchFolder(), 'home');
    mkdirSync(dir, { mode: 0o755 });
    await createBackend(storeOptions(dir));
    expect(octal(dir)).toBe('755');
  });
});

describe('the lock of a store', () => {
  test('is taken before a commit reads its first request', async () => {
    const dir = await storeOf(0);
    const other = rival(dir);
    function* requests() {
      expect(() => other.exec('BEGIN IMMEDIATE')).toThrow('locked');
      yield submit('a');
    }
    const backend = await opened(dir);
    expect(await backend.commit(requests())).toHaveLength(1);
    other.exec('BEGIN IMMEDIATE; ROLLBACK');
  });

  test('does not block readers, which see the last committed state', async () => {
    const dir = await storeOf(2);
    const backend = await opened(dir);
    await nothingToClaim(backend, { role: 'reviewer' });
    const other = rival(dir);
    other.exec(`BEGIN IMMEDIATE; DELETE FROM tasks; DELETE FROM events`);
    expect(await backend.task('t0')).toMatchObject({ status: 'queued' });
    expect(await backend.history('t1')).toHaveLength(1);
    expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['t1', 't0']);
    expect((await backend.counts()).roles.find(({ role }) => role === ROLE)!.tasks.queued).toBe(2);
    expect(await backend.inbox(QUEUE, 10)).toEqual([]);
    await nothingToClaim(backend, { role: 'reviewer' });
    expect(await idsOf((await opened(dir)).list({ limit: 10 }))).toEqual(['t1', 't0']);
    other.exec('ROLLBACK');
  });

  test('can be taken while another program reads', async () => {
    const dir = await storeOf(2);
    const backend = await opened(dir);
    const other = rival(dir);
    other.exec('BEGIN');
    const seen = () => other.prepare('SELECT count(*) AS n FROM tasks').get();
    expect(seen()).toEqual({ n: 2 });
    await done(backend, submit('a'));
    expect(seen()).toEqual({ n: 2 });
    other.exec('COMMIT');
    expect(seen()).toEqual({ n: 3 });
  });

  test('is released when a commit fails, so that the next one succeeds', async () => {
    const dir = await storeOf(0);
    const backend = await opened(dir);
    function* requests() {
      yield submit('a');
      throw new Error('broken off');
    }
    await expect(backend.commit(requests())).rejects.toThrow('broken off');
    rival(dir).exec('BEGIN IMMEDIATE; ROLLBACK');
    await done(backend, submit('b'));
  });

  test('makes a commit fail as busy and change nothing if another process keeps it for too long', async (context) => {
    context.skip(
      process.env['AGENTQ_SLOW_TESTS'] === undefined,
      'a test cannot shorten the wait of 10 s for the lock; AGENTQ_SLOW_TESTS=1 runs it',
    );
    const dir = await storeOf(1);
    const holder = new Child(new URL('processes/hold-lock.ts', import.meta.url), [database(dir)]);
    await holder.printed(1);
    const backend = await opened(dir);
    await expect(backend.commit([submit('a')])).rejects.toMatchObject({
      name: 'AgentqError',
      code: 'busy',
      hint: expect.any(String),
    });
    await holder.kill();
    expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['t0']);
    await done(backend, submit('a'));
  });
});

describe('a clock that advances during a claim', () => {
  test('a claim does not return a task whose TTL passes during the claim', async () => {
    const dir = await storeOf(0);
    let now = Date.UTC(2027, 0, 31);
    let ticking = false;
    const clock = () => (ticking ? (now += 10) : now);
    const backend = await opened(dir, { clock });
    await done(backend, submit('a', { ttl_seconds: 60 }));
    await nothingToClaim(backend, { role: 'reviewer' });
    now += MINUTE - 15;
    ticking = true;
    const { task } = await backend.claim({ role: ROLE, worker: 'worker-1', lease: MINUTE });
    ticking = false;
    expect(task?.status ?? 'nothing').toBe('nothing');
    expect(await backend.task('a')).toMatchObject({ status: 'expired' });
  });
});

function caught(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a closed store has no write-ahead log', async () => {
  const dir = await storeOf(10);
  expect(existsSync(`${database(dir)}-wal`)).toBe(false);
});
