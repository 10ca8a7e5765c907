import { chmodSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import {
  claimed,
  complete,
  done,
  everything,
  fail,
  idsOf,
  LEASE,
  MINUTE,
  nothingToClaim,
  QUEUE,
  ROLE,
  submit,
  typesOf,
} from '../backend/contract/checked-requests.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';
import { Shell } from '../cli/harness.ts';
import { LEASE as REAL_LEASE, until } from '../worker/harness.ts';
import { fillDisk, readOnlyView, smallDisk } from './support/mounts.ts';
import { test as asUser } from './support/unprivileged.ts';

let now = Date.UTC(2027, 0, 31);
const clock = () => now;
const opened: Backend[] = [];

async function open(dir: string): Promise<Backend> {
  const backend = await openBackend(storeOptions(dir, { clock }));
  opened.push(backend);
  return backend;
}

afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

/** An open store with tasks of all kinds. Their leases, delays and TTLs end after {@link LEASE}. */
async function store(dir: string): Promise<Backend> {
  await createBackend(storeOptions(dir));
  const backend = await open(dir);
  await done(backend, submit('held'), submit('for-reviewer', { to: 'reviewer' }), submit('last', { max_attempts: 1 }));
  await claimed(backend);
  await claimed(backend, { worker: 'w2' });
  await done(backend, submit('ended'), submit('mortal', { ttl_seconds: 60, priority: 'high' }));
  await done(backend, submit('later', { delay_seconds: 60 }), submit('doomed', { delay_seconds: 60, ttl_seconds: 60 }));
  await done(backend, submit('far', { delay_seconds: 86_400 }), submit('plain', { priority: 'low' }));
  await done(backend, complete('ended'), submit('broken'), fail('broken'));
  return backend;
}

/** The answers that the tests compare. */
async function answers(backend: Backend): Promise<unknown> {
  return {
    everything: await everything(backend),
    working: await idsOf(backend.list({ statuses: ['working'], limit: 10 })),
    queued: await idsOf(backend.list({ statuses: ['queued'], role: ROLE, limit: 2 })),
    page: await idsOf(backend.list({ limit: 3, before: 'later', id_prefix: 'la' })),
    dead: await idsOf(backend.list({ dead: true, from: 'lead', limit: 10 })),
    held: await backend.task('held'),
    unknown: [await backend.task('unknown'), await backend.history('unknown')],
  };
}

/** Ways to make a store read-only. They return undefined if the user of the tests may not mount. */
const ways: Readonly<Record<string, () => Promise<Backend | undefined>>> = {
  'a full disk': async () => {
    const disk = smallDisk(4 * 1024 * 1024);
    if (disk === undefined) return undefined;
    await store(disk);
    const backend = await open(disk);
    fillDisk(disk);
    return backend;
  },
  'a read-only disk': async () => {
    const dir = scratchFolder();
    await store(dir);
    const view = readOnlyView(dir);
    return view === undefined ? undefined : open(view);
  },
  'a read-only disk, in a store that no process has open': async () => {
    const dir = scratchFolder();
    await (await store(dir)).close();
    expect(readdirSync(dir)).not.toContain('agentq.db-wal');
    const view = readOnlyView(dir);
    return view === undefined ? undefined : open(view);
  },
};

for (const [what, make] of Object.entries(ways)) {
  describe(`on ${what}`, () => {
    test('every query has the current answer, as on a writable disk', async (context) => {
      const backend = (await make())!;
      context.skip(backend === undefined, 'the user of the tests may not mount');
      const twin = await store(scratchFolder());
      await expect(backend.commit([submit('new')])).rejects.toMatchObject({ code: 'storage' });
      expect(await answers(backend)).toEqual(await answers(twin));
      now += LEASE;
      const expected = await answers(twin);
      expect(expected).toMatchObject({ working: [], dead: ['broken', 'doomed', 'mortal', 'last'] });
      expect(await answers(backend)).toEqual(expected);
      expect(await answers(backend)).toEqual(expected);
      expect(await backend.audit(false)).toEqual([]);
      expect(await nothingToClaim(backend, { role: 'no-such-role' })).toEqual({ task: undefined });
      // Claims and commits cannot be recorded, so they fail.
      await expect(backend.claim({ role: ROLE, worker: 'w', lease: LEASE })).rejects.toMatchObject({ code: 'storage' });
      await expect(backend.commit([submit('new')])).rejects.toMatchObject({ code: 'storage' });
      expect(await answers(backend)).toEqual(expected);
    });
  });
}

test('expiries of the time of a full disk are recorded once when the disk has space again', async (context) => {
  const disk = smallDisk(4 * 1024 * 1024);
  context.skip(disk === undefined, 'the user of the tests may not mount');
  const backend = await store(disk!);
  fillDisk(disk!);
  now += LEASE;
  expect(await backend.task('held')).toMatchObject({ status: 'queued' });
  const shown = await typesOf(backend.history('doomed'));
  truncateSync(join(disk!, 'filler'));
  expect(await typesOf(backend.history('doomed'))).toEqual(shown);
  expect(await idsOf(backend.inbox(QUEUE, 10))).toContain('doomed');
  expect(await claimed(backend)).toMatchObject({ id: 'held', lease: { attempt: 2 } });
  expect(await backend.audit(false)).toEqual([]);
});

test('a long write-ahead log can be read on a full disk', async (context) => {
  const disk = smallDisk(4 * 1024 * 1024);
  context.skip(disk === undefined, 'the user of the tests may not mount');
  const backend = await store(disk!);
  const db = new DatabaseSync(join(disk!, 'agentq.db'));
  db.exec('PRAGMA wal_autocheckpoint = 0');
  for (let n = 0; n < 40; n++) await backend.commit([submit(`t${n}`, { instructions: 'x'.repeat(10_000) })]);
  fillDisk(disk!);
  now += LEASE;
  expect(await (await open(disk!)).task('t39')).toMatchObject({ status: 'queued' });
  db.close();
});

test('commands that only read work on a full disk', async (context) => {
  const disk = smallDisk(4 * 1024 * 1024);
  context.skip(disk === undefined, 'the user of the tests may not mount');
  const q = new Shell(disk!);
  await q.ok('init');
  await q.submit('held');
  await q.submit('done', '--from', 'lead');
  const keeper = await openBackend(storeOptions(join(disk!, '.agentq')));
  opened.push(keeper);
  await q.claim('--lease', '1m');
  await q.ok('complete', 'done', '--from', 'r', '--summary', 's');
  fillDisk(disk!);
  q.advance(MINUTE / 1_000);
  expect(await q.task('held')).toMatchObject({ status: 'queued', attempts: [{ outcome: 'lease-expired' }] });
  expect((await q.json('list', '--status', 'queued')).tasks).toMatchObject([{ task_id: 'held' }]);
  expect(await q.json('status')).toMatchObject({ roles: [{ role: 'r', tasks: { queued: 1, working: 0 } }] });
  expect((await q.json('show', 'held')).events.at(-1)).toMatchObject({ type: 'lease-expired' });
  expect((await q.json('inbox', '--keep', '--as', 'lead')).messages).toMatchObject([{ task_id: 'done' }]);
  expect(await q.run('doctor')).toMatchObject({ code: 0 });
  expect(await q.refused('claim', '--as', 'r')).toMatchObject({ exit: 22, code: 'storage' });
  const stopped = await q.run('cancel', 'nosuch', 'held', 'done', 'other');
  expect(stopped).toMatchObject({ code: 22, stdout: '' });
  expect(stopped.stderr.split('\n')).toMatchObject([
    expect.stringMatching(/; not tried: done, other/),
    expect.stringMatching(/^agentq: no task "nosuch"/),
    '',
  ]);
  const elsewhere = join(scratchFolder(), 'b.db');
  expect(await q.json('backup', elsewhere)).toMatchObject({ tasks: 2 });
  expect(await q.refused('backup', 'b.db')).toMatchObject({ exit: 22 });
  expect(readdirSync(disk!).filter((name) => name.startsWith('b.db'))).toEqual([]);
});

asUser('queries work in a store that the user may only read', async ({ q }) => {
  await q.ok('submit', '--to', 'r', '--id', 'held', '--instructions', 'x');
  await q.ok('claim', '--as', 'r', '--lease', REAL_LEASE);
  const dir = q.path('.agentq');
  const change = (file: number, folder: number) => {
    for (const name of readdirSync(dir).filter((one) => one.startsWith('agentq.db'))) chmodSync(join(dir, name), file);
    chmodSync(join(dir, 'bells'), folder);
    chmodSync(dir, folder);
  };
  change(0o444, 0o555);
  const status = async () => JSON.parse(await q.ok('status', 'held', '--json')).status;
  expect(['working', 'queued']).toContain(await status());
  await until('the lease to end', async () => (await status()) === 'queued');
  expect(JSON.parse(await q.ok('list', '--status', 'queued', '--json')).tasks).toHaveLength(1);
  expect(await q.agentq('submit', '--to', 'r', '--instructions', 'x')).toMatchObject({ code: 22 });
  change(0o600, 0o700);
  await q.ok('claim', '--as', 'r');
});
