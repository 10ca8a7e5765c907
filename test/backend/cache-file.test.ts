import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CacheFile } from '../../src/backend/amqp/cache/cache-file.ts';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import { Connection } from '../../src/backend/projection/connection.ts';
import { Child } from './support/child.ts';
import { Machine, MemoryLog, reading } from '../hostile/support/memory-log.ts';
import { scratchFolder } from './support/scratch.ts';

const ROWS = 2_000;

function open(dir: string): CacheFile {
  const file = new CacheFile(dir, 'log', 0o600);
  onTestFinished(() => file.close());
  return file;
}

/** Makes a complete file elsewhere in the folder. Each of its many rows contains the same number. */
function another(dir: string, name: number): string {
  const path = join(dir, `new-${name}`);
  const db = Connection.create(path, 0o600, cacheSchema);
  db.transaction(() => {
    for (let n = 0; n < ROWS; n++) db.run('INSERT INTO silence VALUES (?, ?)', name, n);
    return { keep: true };
  });
  db.close();
  return path;
}

const nameIn = ({ db }: CacheFile) => db.get<{ began: number }>('SELECT began FROM silence LIMIT 1')?.began;
const filesIn = (dir: string) => readdirSync(dir).filter((name) => name.endsWith('.db'));

describe('the file of a cache', () => {
  test('is replaced by a complete one, also for a process that opens it later', () => {
    const dir = scratchFolder();
    const file = open(dir);
    file.replaceBy(another(dir, 1), () => true);
    expect(nameIn(file)).toBe(1);
    file.replaceBy(another(dir, 2), () => false);
    expect(nameIn(file)).toBe(1);
    file.replaceBy(another(dir, 3), () => true);
    expect(nameIn(open(dir))).toBe(3);
    expect(filesIn(dir)).toHaveLength(1);
  });

  test('is replaced once if two processes try', () => {
    const dir = scratchFolder();
    const [one, two] = [open(dir), open(dir)];
    expect([one, two].map(nameIn)).toEqual([undefined, undefined]);
    one.replaceBy(another(dir, 1), () => true);
    two.replaceBy(another(dir, 2), () => true);
    expect([one, two].map(nameIn)).toEqual([1, 1]);
  });

  test('is created again only once if two processes find it damaged', () => {
    const dir = scratchFolder();
    const [one, two] = [open(dir), open(dir)];
    expect([one, two].map(nameIn)).toEqual([undefined, undefined]);
    one.remake();
    one.db.run('INSERT INTO silence VALUES (7, 7)');
    two.remake();
    expect(nameIn(two)).toBe(7);
  });

  test('is created again if it contains garbage, and other files stay', () => {
    const dir = scratchFolder();
    const file = open(dir);
    file.replaceBy(another(dir, 1), () => true);
    writeFileSync(join(dir, 'cache-log@x.db'), 'other');
    writeFileSync(join(dir, 'cache-log2.db'), 'other');
    writeFileSync(file.path, 'garbage '.repeat(5_000));
    expect(nameIn(open(dir))).toBeUndefined();
    expect(filesIn(dir)).toHaveLength(3);
  });

  test('never mixes with its replacement, also in processes that open it meanwhile', async () => {
    const dir = scratchFolder();
    const file = open(dir);
    file.replaceBy(another(dir, 0), () => true);
    const script = new URL('processes/read-cache.ts', import.meta.url);
    const readers = [1, 2, 3].map(() => new Child(script, [dir], 60_000));
    for (let round = 1; round <= 40; round++) {
      file.replaceBy(another(dir, round), () => true);
      expect(nameIn(file)).toBe(round);
      await Promise.all(readers.map((reader) => reader.printed(round)));
    }
    for (const reader of readers) await reader.kill();
    expect(new Set(readers.flatMap(({ lines }) => lines))).toEqual(new Set(['']));
  }, 90_000);
});

test('a cache that is emptied is the same as a new one', () => {
  const log = new MemoryLog();
  log.submit('a', 'coder');
  log.claim('a', 'coder');
  log.note({ seen: { worker: 'w', role: 'tester' } }, { role: 'tester' });
  const content = ({ cache: { db } }: Machine) =>
    db
      .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .map(({ name }) => [name, db.all(`SELECT * FROM ${name}`)]);
  const machine = reading(log);
  machine.cache.clear();
  expect(content(machine)).toEqual(content(new Machine()));
});
