import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { prune as runPrune, pruneInBits } from '../../src/app/prune/prune.ts';
import { snapshotFilesIn } from '../../src/app/snapshot-files.ts';
import type { Services } from '../../src/app/workspace/services.ts';
import type { Workspace } from '../../src/app/workspace/workspace.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import type { Backend } from '../../src/backend/backend.ts';
import type { BackendOptions, BrokerOptions } from '../../src/backend/options.ts';
import type { SnapshotFiles } from '../../src/backend/snapshot-files.ts';
import { AgentqError } from '../../src/core/errors.ts';
import { cancel, complete, done, ROLE, submit, untilSent } from './contract/checked-requests.ts';
import { startProxy } from '../broker/tcp-proxy.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';
import { makeFolder, removeFolder, scratchFolder } from './support/scratch.ts';

/** More tasks than fit into two chunks. */
const TASKS = 4_100;

/** A task of the first chunk, and one of the second. */
const [FIRST, SECOND] = ['t7', 't2500'];

let harness: AmqpHarness;
let root: string;
let writer: Backend;

const files = () => snapshotFilesIn(new FsStore(root, 0o600, 0o700));
const withSnapshots = (more: Partial<BrokerOptions> = {}) =>
  harness.options({ snapshots: async () => files(), ...more });
const folder = () => join(root, 'snapshots', encodeURIComponent(harness.names.prefix));
const bases = () => readdirSync(folder()).filter((name) => name.endsWith('.db.gz'));
const chunks = () => readdirSync(join(folder(), 'chunks'));

beforeAll(async () => {
  harness = await makeAmqpHarness({ roles: [ROLE] });
  root = makeFolder();
  await new FsStore(root, 0o600, 0o700).make('store-1');
  writer = await harness.openWith(withSnapshots());
  const ids = Array.from({ length: TASKS }, (_, n) => `t${n}`);
  await writer.commit(ids.map((id) => submit(id, { instructions: `text of ${id}.` })));
  await writer.commit(ids.slice(0, 90).map((id) => complete(id, undefined, { summary: `did ${id}.` })));
  await writer.commit(ids.slice(90).map((id) => cancel(id)));
  await untilSent(writer);
  await writer.snapshot!();
}, 120_000);

afterAll(async () => {
  await harness.close();
  removeFolder(root);
});

async function machine(options: BackendOptions): Promise<Backend> {
  const backend = await harness.openWith(options);
  onTestFinished(() => backend.close());
  await backend.counts();
  return backend;
}

function absentIn({ dir }: BackendOptions): number {
  const name = readdirSync(dir).find((one) => /^cache-.*\.db$/.test(one))!;
  using db = new DatabaseSync(join(dir, name), { readOnly: true });
  return (db.prepare("SELECT count(*) AS n FROM tasks WHERE state = 'null'").get() as { n: number }).n;
}

async function prune(backend: Backend, ...ids: string[]): Promise<void> {
  const command = { type: 'prune', before: harness.clock.now() + 1, keep_dead: false, remember: 1e9 } as const;
  const outcomes = await backend.commit(ids.map((id) => ({ task_id: id, command })));
  expect(outcomes.every(({ changed }) => changed)).toBe(true);
}

/** Whether the text is in any file of a snapshot, compressed or not. */
function isStored(text: string): boolean {
  return readdirSync(folder(), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.gz'))
    .some((name) => gunzipSync(readFileSync(join(folder(), name))).includes(text));
}

/** Replaces the content of a file until the end of the test. */
function changed(path: string, content: Buffer): void {
  const before = readFileSync(path);
  onTestFinished(() => writeFileSync(path, before));
  writeFileSync(path, content);
}

describe('snapshots that are not needed any more', () => {
  test('are removed, except the newest two and the chunks that these share', async () => {
    const shared = chunks();
    for (const id of ['a', 'b', 'c']) {
      await done(writer, submit(id));
      await writer.snapshot!();
    }
    expect(bases()).toHaveLength(2);
    expect(chunks()).toEqual(shared);
    const options = withSnapshots();
    const backend = await machine(options);
    expect(absentIn(options)).toBeGreaterThan(4_000 - 100);
    expect(await backend.history(SECOND)).toEqual(await writer.history(SECOND));
  });

  test('are replaced after a prune, also if another machine uses one', async () => {
    const options = withSnapshots();
    await (await machine(options)).close();
    expect([isStored('text of t20.'), isStored('did t20.')]).toEqual([true, true]);
    await prune(writer, 't20', 't21');
    expect(await writer.renewSnapshots!(true)).toBe(2);
    expect(isStored('did t20.')).toBe(true);
    expect(await writer.renewSnapshots!(false)).toBe(2);
    expect(bases()).toHaveLength(1);
    expect([isStored('text of t20.'), isStored('did t20.'), isStored('did t7.')]).toEqual([false, false, true]);
    expect(await writer.renewSnapshots!(false)).toBe(0);
    // The other machine still names the chunk that was replaced. It begins again with the new snapshot.
    expect(absentIn(options)).toBe(4_000);
    const other = await machine(options);
    expect(await other.history(FIRST)).toEqual(await writer.history(FIRST));
    expect(absentIn(options)).toBe(2_000);
    // It has not removed the evidence of the pruned tasks.
    expect(await other.snapshot!()).toBe(true);
    expect([isStored('text of t20.'), isStored('did t20.')]).toEqual([false, false]);
  });

  test('are removed also if a killed process has left them incomplete', async () => {
    const file = readFileSync(join(folder(), bases()[0]!));
    const left = ['0.db.gz', '1~2.db.gz', 'chunks/1~9.json.gz', 'chunks/999001.json.gz'];
    for (const name of left) writeFileSync(join(folder(), name), file);
    await writer.renewSnapshots!(false);
    const names = new Set([...bases(), ...chunks().map((name) => `chunks/${name}`)]);
    expect(left.filter((name) => names.has(name))).toEqual([]);
    expect(bases()).toHaveLength(2);
    const options = withSnapshots();
    expect(await (await machine(options)).history(SECOND)).toEqual(await writer.history(SECOND));
    expect(absentIn(options)).toBeGreaterThan(1_900);
  });

  test('keep their chunks while another process writes one', async () => {
    const left = join(folder(), 'chunks', '999001.json.gz');
    writeFileSync(left, '');
    const client = await PlainClient.of(harness);
    const body = { v: 2, at: harness.clock.now(), roles: [], events: [] };
    await client.publish(harness.names.exchange, 'agentq.event.snapshot', body);
    await writer.snapshot!();
    expect(chunks()).toContain('999001.json.gz');
    // The other process has been killed.
    harness.clock.advance(3_600_000);
    await writer.renewSnapshots!(false);
    expect(chunks()).not.toContain('999001.json.gz');
  });

  test('keep their chunks if another process begins to write one during the removal', async () => {
    const left = join(folder(), 'chunks', '999002.json.gz');
    writeFileSync(left, '');
    const client = await PlainClient.of(harness);
    let isWriting = false;
    let hasBegun = false;
    const snapshots = async (): Promise<SnapshotFiles> => ({
      ...files(),
      async fetch(file) {
        const body = { v: 2, at: harness.clock.now(), roles: [], events: [] };
        if (isWriting && !hasBegun) await client.publish(harness.names.exchange, 'agentq.event.snapshot', body);
        hasBegun = isWriting;
        return files().fetch(file);
      },
    });
    const backend = await machine(harness.options({ snapshots }));
    isWriting = true;
    await backend.snapshot!();
    expect([hasBegun, chunks().includes('999002.json.gz')]).toEqual([true, true]);
    harness.clock.advance(3_600_000);
    await writer.renewSnapshots!(false);
    expect(chunks()).not.toContain('999002.json.gz');
  });

  test('are made again if another process removes a chunk that the new one names', async () => {
    let removed: string | undefined;
    const snapshots = async (): Promise<SnapshotFiles> => ({
      ...files(),
      async put(name, content) {
        const file = await files().put(name, content);
        if (!removed && name.endsWith('.db.gz')) {
          removed = chunks().find((one) => one.startsWith('1.') || one.startsWith('1~'));
          rmSync(join(folder(), 'chunks', removed!));
        }
        return file;
      },
    });
    const backend = await harness.openWith(harness.options({ snapshots }));
    onTestFinished(() => backend.close());
    expect(await backend.snapshot!()).toBe(true);
    expect(removed).toBeDefined();
    const options = withSnapshots();
    const next = await machine(options);
    expect(await next.history(FIRST)).toEqual(await writer.history(FIRST));
    expect(absentIn(options)).toBeGreaterThan(1_900);
  });

  test('are not replaced by a worker that prunes between its tasks, but by the command', async () => {
    const workspace = { runDir: scratchFolder() } as Workspace;
    const services: Services = {
      workspace,
      backend: writer,
      store: new FsStore(root, 0o600, 0o700),
      clock: Date.now,
      monotonic: Date.now,
      newId: () => 'none',
    };
    const request = { before: 0, keep_dead: false, remember: 1e9, dryRun: false };
    await prune(writer, 't30');
    const before = bases();
    for await (const { tasks } of pruneInBits(services, request)) expect(tasks).toBe(0);
    expect(bases()).toEqual(before);
    const pruning = await runPrune(services, request);
    expect(pruning.snapshots).toBeGreaterThan(0);
    expect(before.filter((name) => bases().includes(name))).toEqual([]);
  });

  test('are not removed because of newer ones of another format', async () => {
    const own = bases();
    const client = await PlainClient.of(harness);
    for (const n of [1, 2]) {
      const last = Math.max(...own.map((name) => Number.parseInt(name))) + n;
      const file = await files().put(`${encodeURIComponent(harness.names.prefix)}/${last}.db.gz`, {
        bytes: Buffer.from(`another format ${n}`),
      });
      const snapshot = { last, id: 'any', format: 1, file };
      const body = { v: 2, at: harness.clock.now(), roles: [], events: [], snapshot };
      await client.publish(harness.names.exchange, 'agentq.event.snapshot', body);
    }
    await writer.renewSnapshots!(false);
    expect(bases()).toHaveLength(own.length + 2);
    expect(bases()).toEqual(expect.arrayContaining(own));
  });
});

describe('a machine that lacks content of its snapshot', () => {
  test('reports a store that is not reachable, and keeps its cache', async () => {
    let isAway = false;
    const snapshots = async () => {
      if (isAway) throw new AgentqError('storage', 'the store is away');
      return files();
    };
    const options = withSnapshots({ snapshots });
    const backend = await machine(options);
    const absent = absentIn(options);
    isAway = true;
    await expect(backend.task(SECOND)).rejects.toMatchObject({ code: 'storage' });
    expect(absentIn(options)).toBe(absent);
    isAway = false;
    expect((await backend.task(SECOND))?.status).toBe('cancelled');
    expect(absentIn(options)).toBeGreaterThan(0);
  });

  test('reports an error if the store is replaced by an empty mount point', async () => {
    const identified = new FsStore(root, 0o600, 0o700, 'store-1');
    const options = withSnapshots({ snapshots: async () => snapshotFilesIn(identified) });
    const backend = await machine(options);
    const absent = absentIn(options);
    const marker = join(root, '.agentq-store');
    changed(marker, readFileSync(marker));
    for (const name of chunks()) changed(join(folder(), 'chunks', name), readFileSync(join(folder(), 'chunks', name)));
    rmSync(marker);
    for (const name of chunks()) rmSync(join(folder(), 'chunks', name));
    await expect(backend.task(SECOND)).rejects.toMatchObject({ code: 'storage' });
    expect(absentIn(options)).toBe(absent);
  });

  test('reads the log instead of a damaged chunk, and reports it once', async () => {
    const reported: string[] = [];
    const options = withSnapshots({ say: (line) => reported.push(line) });
    const backend = await machine(options);
    for (const name of chunks()) changed(join(folder(), 'chunks', name), gzipSync('[]'));
    expect((await backend.task(SECOND))?.status).toBe('cancelled');
    expect((await backend.task(FIRST))?.status).toBe('completed');
    expect(absentIn(options)).toBe(0);
    expect(reported).toEqual([expect.stringContaining('the log is read instead')]);
  });

  test('does not call a file damaged if the broker was lost', async () => {
    const url = new URL(harness.url);
    const proxy = await startProxy(Number(url.port));
    onTestFinished(() => proxy.close());
    url.port = String(proxy.port);
    const reported: string[] = [];
    let isBroken = false;
    const snapshots = async (): Promise<SnapshotFiles> => ({
      ...files(),
      fetch: async (file) => (isBroken ? undefined : files().fetch(file)),
      async list(name) {
        if (isBroken) {
          await proxy.cut();
          await proxy.heal();
        }
        return files().list(name);
      },
    });
    const more = { snapshots, say: (line: string) => reported.push(line) };
    const backend = await machine(harness.options(more, url.href));
    isBroken = true;
    expect((await backend.task(SECOND))?.status).toBe('cancelled');
    expect(reported.filter((line) => line.includes('damaged'))).toEqual([]);
  });
});
