import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { snapshotFilesIn } from '../../src/app/snapshot-files.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import type { Backend } from '../../src/backend/backend.ts';
import type { BackendOptions } from '../../src/backend/options.ts';
import { AgentqError } from '../../src/core/errors.ts';
import {
  cancel,
  claimed,
  complete,
  dismiss,
  done,
  fail,
  idsOf,
  refused,
  ROLE,
  untilSent,
  submit,
  commitOne,
} from './contract/checked-requests.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';
import { makeFolder, removeFolder } from './support/scratch.ts';

/** More tasks than fit into one chunk. */
const TASKS = 2_100;

const OLD = 't7';

let harness: AmqpHarness;
let root: string;
let writer: Backend;

const files = () => snapshotFilesIn(new FsStore(root, 0o600, 0o700));
const withSnapshots = () => harness.options({ snapshots: async () => files() });
const folder = () => join(root, 'snapshots', encodeURIComponent(harness.names.prefix));
const bases = () => readdirSync(folder()).filter((name) => name.endsWith('.db.gz'));
const chunks = () => readdirSync(join(folder(), 'chunks'));

beforeAll(async () => {
  harness = await makeAmqpHarness({ roles: [ROLE] });
  root = makeFolder();
  await new FsStore(root, 0o600, 0o700).make('store-1');
  writer = await harness.openWith(withSnapshots());
  const ids = Array.from({ length: TASKS }, (_, n) => `t${n}`);
  await writer.commit(ids.map((id) => submit(id)));
  await writer.commit(ids.slice(5, 95).map((id) => complete(id, undefined, { summary: `did ${id}` })));
  await writer.commit(ids.slice(95).map((id) => cancel(id)));
  await done(writer, fail('t0'), fail('t1'), dismiss('t1'));
  await claimed(writer);
  await untilSent(writer);
  await writer.snapshot!();
}, 120_000);

afterAll(async () => {
  await harness.close();
  removeFolder(root);
});

/** A new machine, and the number of tasks that its cache lacks after the first query. */
async function newMachine(options: BackendOptions): Promise<{ backend: Backend; absent: number }> {
  const backend = await harness.openWith(options);
  onTestFinished(() => backend.close());
  await backend.counts();
  return { backend, absent: absentIn(options) };
}

const cacheIn = (dir: string) => readdirSync(dir).find((name) => /^cache-.*\.db$/.test(name));

/** Creates a cache and deletes it. @returns its name */
async function cacheNameOf(options: BackendOptions): Promise<string> {
  const backend = await harness.openWith(options);
  await backend.counts();
  await backend.close();
  const name = cacheIn(options.dir)!;
  for (const one of readdirSync(options.dir)) rmSync(join(options.dir, one), { recursive: true });
  return name;
}

function absentIn({ dir }: BackendOptions): number {
  const db = new DatabaseSync(join(dir, cacheIn(dir)!), { readOnly: true });
  const { n } = db.prepare("SELECT count(*) AS n FROM tasks WHERE state = 'null'").get() as { n: number };
  db.close();
  return n;
}

async function answers(backend: Backend): Promise<unknown> {
  const counts = await backend.counts();
  const histories = await Promise.all(['t0', 't1', 't2', OLD, 't1999', 't2050'].map((id) => backend.history(id)));
  const open = await backend.list({ statuses: ['queued', 'working', 'failed'], limit: 100 });
  const page = await idsOf(backend.list({ limit: 10, before: 't100' }));
  const ended = await idsOf(backend.ended({ from: 'lead', after: '0', limit: 10_000 }).then(({ tasks }) => tasks));
  return { counts, histories, open, page, ended, all: await backend.list({ limit: 10_000 }) };
}

describe('a machine that begins with a snapshot', () => {
  test('gives the same answers as a machine that has read the whole log, also about later entries', async () => {
    const whole = await newMachine(harness.options());
    const filled = await newMachine(withSnapshots());
    expect(whole.absent).toBe(0);
    expect(filled.absent).toBeGreaterThan(1_900);
    expect(await answers(filled.backend)).toEqual(await answers(whole.backend));
    await done(whole.backend, submit('later'), complete('later'), complete('t3'));
    expect(await answers(filled.backend)).toEqual(await answers(whole.backend));
    expect(await filled.backend.audit(false)).toEqual([]);
    expect(await answers((await newMachine(withSnapshots())).backend)).toEqual(await answers(whole.backend));
  });

  test('fetches no chunk for a list of what has changed since a moment', async () => {
    const options = withSnapshots();
    const { backend, absent } = await newMachine(options);
    harness.clock.advance(1_000);
    const since = harness.clock.now();
    await done(backend, submit('recent', { type: 'review', group: 'g' }), complete('recent'));
    for (const filter of [{ since }, { type: 'review' }, { group: 'g' }, { since, worker: ROLE }])
      expect(await idsOf(backend.list({ limit: 10, ...filter }))).toEqual(['recent']);
    expect(absentIn(options)).toBe(absent);
  });

  test('prunes tasks whose content is in a chunk, and the next snapshot knows them', async () => {
    const whole = await newMachine(harness.options());
    const filled = await newMachine(withSnapshots());
    const ids = ['t1500', 't1501', 't20'];
    const prune = { type: 'prune', before: harness.clock.now() + 1, keep_dead: false, remember: 1e9 } as const;
    await filled.backend.commit(ids.map((id) => ({ task_id: id, command: prune })));
    expect(await answers(whole.backend)).toEqual(await answers(filled.backend));
    expect(await idsOf(whole.backend.prunedEvidence(10))).toEqual(ids);
    expect(await filled.backend.snapshot!()).toBe(true);
    const next = await newMachine(withSnapshots());
    expect(next.absent).toBeGreaterThan(0);
    for (const id of ids) await refused(next.backend, submit(id), 'conflict');
    expect(await idsOf(next.backend.prunedEvidence(10))).toEqual(ids);
  });

  test('writes the next snapshot with the same chunks', async () => {
    const before = { bases: bases(), chunks: chunks() };
    const { backend } = await newMachine(withSnapshots());
    await done(backend, submit('more'), complete('more'));
    expect(await backend.snapshot!()).toBe(true);
    expect(bases().length).toBe(before.bases.length + 1);
    expect(chunks()).toEqual(before.chunks);
    const next = await newMachine(withSnapshots());
    expect(next.absent).toBeGreaterThan(1_900);
    expect((await next.backend.task('more'))?.status).toBe('completed');
  });

  test('accepts one of several snapshots that were written at the same time', async () => {
    const machines = await Promise.all([newMachine(withSnapshots()), newMachine(withSnapshots())]);
    expect(await Promise.all(machines.map(({ backend }) => backend.snapshot!()))).toEqual([true, true]);
    const next = await newMachine(withSnapshots());
    expect(next.absent).toBeGreaterThan(1_900);
    expect(await answers(next.backend)).toEqual(await answers(writer));
  });

  test('leaves no file of its own or of a killed process beside the cache', async () => {
    const options = withSnapshots();
    const killed = `${(await cacheNameOf(options)).replace(/@\d+/, '')}.snapshot-99999999-1.gz`;
    writeFileSync(join(options.dir, killed), 'left');
    const machine = await harness.openWith(options);
    await machine.counts();
    expect(absentIn(options)).toBeGreaterThan(1_900);
    expect(readdirSync(options.dir).filter((name) => name.includes('snapshot'))).toEqual([]);
  });

  test('fetches an ended task when a command asks for it', async () => {
    const options = withSnapshots();
    const { backend, absent } = await newMachine(options);
    expect((await backend.task(OLD))?.status).toBe('completed');
    expect(absentIn(options)).toBeLessThan(absent);
    expect(await commitOne(backend, submit(OLD))).toMatchObject({ changed: false });
  });

  test('knows an ended task when another machine refers to it', async () => {
    const options = withSnapshots();
    const { backend } = await newMachine(options);
    const before = absentIn(options);
    await refused(writer, complete(OLD, 1, { by: 'tester', summary: 'again' }), 'conflict');
    await backend.counts();
    expect(absentIn(options)).toBeLessThan(before);
    expect(await backend.history(OLD)).toEqual(await writer.history(OLD));
    // The next machines need not load it again.
    await writer.snapshot!();
  });
});

describe('a snapshot that is not what a coordinator announced', () => {
  /** Changes a file for one test. */
  function changed(path: string, content: Buffer): void {
    const before = readFileSync(path);
    onTestFinished(() => writeFileSync(path, before));
    writeFileSync(path, content);
  }

  function planted(name: string, content: Buffer): void {
    const path = join(folder(), name);
    onTestFinished(() => rmSync(path));
    writeFileSync(path, content);
  }

  /** A forged snapshot in which every task is cancelled. */
  function forged(base = bases()[0]!, sql = ''): Buffer {
    const path = join(root, 'forged.db');
    writeFileSync(path, gunzipSync(readFileSync(join(folder(), base))));
    const db = new DatabaseSync(path);
    db.exec(`UPDATE tasks SET status = 'cancelled'; ${sql}`);
    db.close();
    const content = gzipSync(readFileSync(path));
    rmSync(path);
    return content;
  }

  async function readsTheLog(): Promise<void> {
    const { backend, absent } = await newMachine(withSnapshots());
    expect(absent).toBe(0);
    expect(await backend.counts()).toEqual(await writer.counts());
    expect((await backend.task(OLD))?.status).toBe('completed');
  }

  test('is not used if its file was replaced', async () => {
    for (const base of bases()) changed(join(folder(), base), forged(base));
    await readsTheLog();
  });

  test('is not read if no entry announces it', async () => {
    const end = Math.max(...bases().map((name) => Number.parseInt(name)));
    planted(`${end - 1}.db.gz`, forged());
    planted(`${end + 1}.db.gz`, forged());
    planted('999999999999.db.gz', forged());
    const { backend, absent } = await newMachine(withSnapshots());
    expect(absent).toBeGreaterThan(1_900);
    expect((await backend.task(OLD))?.status).toBe('completed');
  });

  test('does not hide one that was announced', async () => {
    const end = Math.max(...bases().map((name) => Number.parseInt(name)));
    for (let n = 1; n <= 8; n++) {
      await done(writer, submit(`after-${end}-${n}`));
      planted(`${end + n}.db.gz`, forged());
    }
    const { backend, absent } = await newMachine(withSnapshots());
    expect(absent).toBeGreaterThan(1_900);
    expect(await backend.counts()).toEqual(await writer.counts());
  });

  test('is skipped if it has another format', async () => {
    const base = bases()[0]!;
    const options = withSnapshots();
    const { backend } = await newMachine(options);
    await done(backend, submit('last'));
    const db = new DatabaseSync(join(options.dir, cacheIn(options.dir)!), { readOnly: true });
    const { last, id } = db.prepare('SELECT last, id FROM log').get() as { last: number; id: string };
    db.close();
    const file = await files().put(`${encodeURIComponent(harness.names.prefix)}/${last}.db.gz`, {
      bytes: forged(base, `UPDATE log SET last = ${last}, id = '${id}'`),
    });
    for (const one of bases()) if (!file.path.endsWith(one)) changed(join(folder(), one), Buffer.from('damaged'));
    onTestFinished(() => rmSync(join(root, file.path)));
    const snapshot = { last, id, format: cacheSchema.version + 1, file };
    const client = await PlainClient.of(harness);
    const body = { v: 2, at: harness.clock.now(), roles: [], events: [], snapshot };
    await client.publish(harness.names.exchange, 'agentq.event.snapshot', body);
    await readsTheLog();
  });

  test('is replaced by the whole log if the store cannot be read', async () => {
    const away = async () => {
      throw new AgentqError('storage', 'the store is away');
    };
    const { backend, absent } = await newMachine(harness.options({ snapshots: away }));
    expect(absent).toBe(0);
    expect((await backend.task(OLD))?.status).toBe('completed');
  });

  test('is replaced by the whole log if a chunk was replaced', async () => {
    const options = withSnapshots();
    const { backend, absent } = await newMachine(options);
    expect(absent).toBeGreaterThan(1_900);
    for (const chunk of chunks()) changed(join(folder(), 'chunks', chunk), gzipSync('[]'));
    expect((await backend.task(OLD))?.status).toBe('completed');
    expect(absentIn(options)).toBe(0);
    expect(await answers(backend)).toEqual(await answers(writer));
  });
});
