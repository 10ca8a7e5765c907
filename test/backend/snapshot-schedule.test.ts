import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Cache } from '../../src/backend/amqp/cache/cache.ts';
import { noteSnapshot } from '../../src/backend/amqp/cache/tables/known-snapshots.ts';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import { SnapshotSchedule } from '../../src/backend/amqp/snapshot/snapshot-schedule.ts';
import { MINUTE } from './contract/checked-requests.ts';
import { scratchFolder } from './support/scratch.ts';

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

/** A process that follows a log of this many entries, and what it writes. */
function follow(entries: number, tasks: number, mayWrite = true) {
  const cache = new Cache(scratchFolder(), 'broker', 0o600);
  const reads = (last: number) => cache.db.run('UPDATE log SET last = ?', last);
  cache.db.run(
    "INSERT INTO tasks VALUES (?, 'a', 'coder', 'lead', 1, 'completed', 0, NULL, NULL, 0, NULL, NULL, NULL, '{}')",
    Math.max(1, tasks),
  );
  reads(entries);
  let noted = 0;
  const notes = (at: number, last?: number) => {
    const file = { name: 'any', path: 'snapshots/1.db.gz', sha256: '0'.repeat(64), size: 1 };
    const snapshot = last === undefined ? undefined : { last, id: 'any', format: cacheSchema.version, file };
    noteSnapshot(cache.db, { id: `entry ${++noted}`, at, snapshot }, noted);
  };
  const prunes = (offset: number) => cache.db.run('UPDATE log SET pruned = ?', offset);
  const written: number[] = [];
  const schedule = new SnapshotSchedule(
    cache,
    async () => {
      const { last } = cache.position();
      written.push(last);
      if (mayWrite) cache.db.run('UPDATE log SET snapshot = ?', last);
      return mayWrite;
    },
    Date.now,
  );
  onTestFinished(() => {
    schedule.close();
    cache.close();
  });
  schedule.begin();
  return { written, reads, notes, prunes, schedule };
}

const minutes = (count: number) => vi.advanceTimersByTimeAsync(count * MINUTE);

test('a process that follows a long log writes a snapshot, and the next one after as many entries', async () => {
  const { written, reads } = follow(25_000, 100);
  expect(written).toEqual([]);
  await minutes(2);
  expect(written).toEqual([25_000]);
  reads(45_000);
  await minutes(2);
  expect(written).toEqual([25_000]);
  reads(45_001);
  await minutes(1);
  expect(written).toEqual([25_000, 45_001]);
});

test('a snapshot that names more tasks is written less often', async () => {
  const { written, reads } = follow(40_000, 1_000_000);
  await minutes(1);
  expect(written).toEqual([]);
  reads(60_000);
  await minutes(1);
  expect(written).toEqual([60_000]);
});

test('a process whose user may not write snapshots tries once', async () => {
  const { written } = follow(25_000, 100, false);
  await minutes(5);
  expect(written).toEqual([25_000]);
});

test('a process does not write a snapshot while another process writes one', async () => {
  const { written, notes } = follow(25_000, 100);
  notes(Date.now());
  await minutes(9);
  expect(written).toEqual([]);
  // The other process has been killed.
  await minutes(2);
  expect(written).toEqual([25_000]);
});

test('a snapshot that contains a pruned task is replaced one day after it was written', async () => {
  const { written, notes, prunes } = follow(1_000, 100);
  notes(Date.now(), 900);
  prunes(899);
  await minutes(2 * 24 * 60);
  expect(written).toEqual([]);
  notes(Date.now(), 950);
  prunes(951);
  await minutes(24 * 60 - 1);
  expect(written).toEqual([]);
  await minutes(1);
  expect(written).toEqual([1_000]);
});
