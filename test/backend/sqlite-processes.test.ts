import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { claimed, complete, done, fold, idsOf, LEASE, ROLE, submit, typesOf } from './contract/checked-requests.ts';
import { Child } from './support/child.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';

const script = (name: string) => new URL(`processes/${name}.ts`, import.meta.url);

async function newStore(): Promise<string> {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  return dir;
}

/** @param ahead how far its clock is ahead of the real one, in ms */
async function opened(dir: string, ahead = 0): Promise<Backend> {
  const backend = await openBackend(storeOptions(dir, { clock: () => Date.now() + ahead }));
  onTestFinished(() => backend.close());
  return backend;
}

test('processes that submit, claim and complete at once complete every task once', async () => {
  const dir = await newStore();
  const workers = ['w0', 'w1', 'w2', 'w3'];
  const children = workers.map((worker) => new Child(script('hammer'), [dir, worker, '40']));
  const lines = (await Promise.all(children.map((child) => child.output()))).flat();
  const ids = workers.flatMap((worker) => Array.from({ length: 40 }, (_, n) => `${worker}-${n}`));
  expect(lines.toSorted()).toEqual(ids.map((id) => `${id} 1`).toSorted());
  const backend = await opened(dir);
  expect(await idsOf(backend.list({ statuses: ['completed'], limit: 1_000 }))).toHaveLength(ids.length);
  for (const id of ids) expect(await typesOf(backend.history(id))).toEqual(['submitted', 'claimed', 'completed']);
  expect(await backend.inbox('results.lead', 1_000)).toHaveLength(ids.length);
  expect(await backend.audit(false)).toEqual([]);
});

test('tasks of killed workers are completed by other workers after the leases have ended', async () => {
  const dir = await newStore();
  const seed = await opened(dir);
  const ids = Array.from({ length: 300 }, (_, n) => `t${n}`);
  await seed.commit(ids.map((id) => submit(id)));
  const children = [7, 23, 61].map((lines, n) => ({
    lines,
    child: new Child(script('hammer'), [dir, `killed-${n}`, '0']),
  }));
  await Promise.all(
    children.map(async ({ child, lines }) => {
      await child.printed(lines);
      await child.kill();
    }),
  );
  const after = await opened(dir, LEASE + 1);
  const completed = new Set(children.flatMap(({ child }) => child.lines.map((line) => line.split(' ')[0]!)));
  expect(completed.size).toBeGreaterThanOrEqual(7 + 23 + 61);
  for (const id of completed) expect(await after.task(id)).toMatchObject({ status: 'completed' });
  for (let left = await after.claim({ role: ROLE, worker: 'next', lease: LEASE }); left.task;) {
    await done(after, complete(left.task.id, left.task.lease.attempt));
    left = await after.claim({ role: ROLE, worker: 'next', lease: LEASE });
  }
  for (const id of ids) {
    const events = await after.history(id);
    expect(events.filter((event) => event.type === 'completed')).toHaveLength(1);
    expect(fold(events)).toEqual(await after.task(id));
    expect(await after.task(id)).toMatchObject({ status: 'completed', refused: 0 });
  }
  expect(await after.audit(false)).toEqual([]);
});

test('after a process was killed, the store contains all batches that it reported, and no batch in part', async () => {
  const dir = await newStore();
  const rows = 10;
  for (const [round, lines] of [1, 2, 5, 11, 17, 29].entries()) {
    // Two processes at a time: one is killed while the other commits.
    const killed = new Child(script('submit-forever'), [dir, `killed-${round}`, String(rows)]);
    const rest = new Child(script('submit-forever'), [dir, `rest-${round}`, String(rows)]);
    await killed.printed(lines);
    await killed.kill();
    await rest.printed(rest.lines.length + 1);
    await rest.kill();
    const backend = await opened(dir);
    for (const [prefix, child] of [
      ['killed', killed],
      ['rest', rest],
    ] as const) {
      const kept = await idsOf(backend.list({ id_prefix: `${prefix}-${round}-`, limit: 100_000 }));
      const batches = child.lines.length;
      const whole = kept.length / rows;
      expect([batches, batches + 1]).toContain(whole);
      const expected = Array.from({ length: kept.length }, (_, n) =>
        [prefix, round, Math.floor(n / rows), n % rows].join('-'),
      );
      expect(kept.toReversed()).toEqual(expected);
    }
    expect(await backend.audit(false)).toEqual([]);
  }
});

test('the write-ahead log stays bounded when commands end without closing the store', async () => {
  const dir = await newStore();
  const idle = await opened(dir);
  const sizes: number[] = [];
  for (let n = 0; n < 8; n++) {
    await new Child(script('submit-some'), [dir, `p${n}`, '15']).output();
    sizes.push(statSync(join(dir, 'agentq.db-wal')).size);
  }
  const one = sizes[0]!;
  const bound = 256 * 1_024 + 2 * one;
  // All commands together have written far more.
  expect(sizes.length * one).toBeGreaterThan(2 * bound);
  for (const size of sizes) expect(size).toBeLessThan(bound);
  expect(await idsOf(idle.list({ limit: 1_000 }))).toHaveLength(120);
});

test('processes that create the same store at once create one store', async () => {
  const dir = scratchFolder();
  const children = ['a', 'b', 'c', 'd'].map((id) => new Child(script('create'), [dir, id, '600', '700', '077']));
  await Promise.all(children.map((child) => child.output()));
  const backend = await opened(dir);
  expect((await idsOf(backend.list({ limit: 10 }))).toSorted()).toEqual(['a', 'b', 'c', 'd']);
  expect(await backend.audit(false)).toEqual([]);
  await claimed(backend);
});

test('a waiting process is woken by another process', async () => {
  const dir = await newStore();
  const backend = await opened(dir);
  using watch = backend.watch({ role: ROLE });
  const child = new Child(script('submit-forever'), [dir, 'wake', '1']);
  await child.printed(1);
  expect(await watch.wait(5_000)).toBe(true);
  await child.kill();
});
