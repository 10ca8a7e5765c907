import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ArtifactStore, Source, Stored } from '../../src/artifacts/store.ts';
import type { Evidence } from '../../src/core/evidence/evidence.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { adopt, put, read } from './requests.ts';
import { farHarness, localHarness, type StoreHarness } from './store-harness.ts';

const PATH = 'results/a.md';
const bytes = (text: string): Source => ({ bytes: Buffer.from(text) });
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
const stores: Record<string, () => StoreHarness | Promise<StoreHarness>> = {
  'on the local disk': localHarness,
  'on another machine': farHarness,
};

/** A local file of the test, outside of any store. */
function file(content: string): string {
  const path = join(scratchFolder(), 'draft.md');
  writeFileSync(path, content);
  return path;
}

/** Writes a file into the staging folder, as an attempt does. */
function stage({ staging }: ArtifactStore, path: string, content: string): string {
  mkdirSync(dirname(staging.locate(path)), { recursive: true });
  writeFileSync(staging.locate(path), content);
  return path;
}

describe.each(Object.entries(stores))('a store %s', (_, harness) => {
  async function made(): Promise<{ store: ArtifactStore; harness: StoreHarness }> {
    const opened = await harness();
    const store = opened.open();
    await store.make('store-1');
    return { store, harness: opened };
  }

  describe('put', () => {
    test('stores files of all kinds of sources, and another machine fetches them', async () => {
      const { store, harness } = await made();
      const sources: [string, Source][] = [
        ['tasks/bytes.md', bytes('of bytes')],
        ['tasks/file.md', { file: file('of a file') }],
        ['artifacts/t/1/staged.md', { staged: stage(store, 'artifacts/t/1/staged.md', 'of the attempt') }],
      ];
      const stored = await store.put(sources.map(([path, source]) => ({ path, name: 'n', source })));
      const contents = ['of bytes', 'of a file', 'of the attempt'];
      expect(stored.map(({ evidence }) => evidence)).toEqual(
        contents.map((content, n) => ({
          name: 'n',
          path: sources[n]![0],
          sha256: sha256(content),
          size: content.length,
        })),
      );
      expect(stored.map((one) => readFileSync(one.file, 'utf8'))).toEqual(contents);
      for (const [n, { evidence }] of stored.entries())
        expect((await read(harness.open(), evidence)).toString()).toBe(contents[n]);
    });

    test('stores a copy that does not change with its source', async () => {
      const { store } = await made();
      const source = file('content');
      const { evidence } = await put(store, PATH, 'result', { file: source });
      writeFileSync(source, 'changed');
      expect((await read(store, evidence)).toString()).toBe('content');
    });

    test('never overwrites a file: other content gets a number, the same content is stored once', async () => {
      const { store, harness } = await made();
      const stored: Stored[] = [];
      for (const text of ['first', 'second', 'second', 'first'])
        stored.push(await put(stored.length % 2 ? harness.open() : store, PATH, 'result', bytes(text)));
      expect(stored.map(({ evidence, created }) => [evidence.path, created])).toEqual([
        [PATH, true],
        ['results/a~2.md', true],
        ['results/a~2.md', false],
        [PATH, false],
      ]);
      expect((await store.list('results')).paths).toEqual([PATH, 'results/a~2.md']);
    });

    test('gives each of many files under the same path its own path', async () => {
      const { store } = await made();
      const contents = Array.from({ length: 10 }, (_, n) => `content ${n}`);
      const stored = await Promise.all(contents.map((one) => put(store, PATH, 'result', bytes(one))));
      expect(new Set(stored.map(({ evidence }) => evidence.path)).size).toBe(10);
      for (const [n, { evidence }] of stored.entries())
        expect((await read(store, evidence)).toString()).toBe(contents[n]);
    });

    test('reports what was stored before a source that is not readable', async () => {
      const { store } = await made();
      const stored: Stored[] = [];
      const pieces = [
        { path: 'tasks/a.md', name: 'a', source: bytes('a') },
        { path: 'tasks/b.md', name: 'b', source: { file: '/nowhere/b.md' } },
      ];
      await expect(store.put(pieces, stored)).rejects.toMatchObject({ code: 'unreadable-file' });
      expect(stored.map(({ evidence }) => evidence.path)).toEqual(['tasks/a.md']);
    });

    test('refuses links in the staging folder', async () => {
      const { store } = await made();
      const secret = file('a secret');
      mkdirSync(dirname(store.staging.locate(PATH)), { recursive: true });
      symlinkSync(secret, store.staging.locate(PATH));
      await expect(adopt(store, PATH, 'result')).rejects.toMatchObject({ code: 'unreadable-file' });
      mkdirSync(store.staging.locate('artifacts'), { recursive: true });
      symlinkSync(dirname(secret), store.staging.locate('artifacts/t'));
      await expect(adopt(store, 'artifacts/t/draft.md', 'draft')).rejects.toMatchObject({ code: 'unreadable-file' });
    });
  });

  describe('fetch and check', () => {
    const stored = async (): Promise<{
      store: ArtifactStore;
      other: ArtifactStore;
      evidence: Evidence;
      harness: StoreHarness;
    }> => {
      const { store, harness } = await made();
      const { evidence } = await put(store, PATH, 'result', bytes('content'));
      return { store, other: harness.open(), evidence, harness };
    };

    test('copy the verified content to the local disk', async () => {
      const { other, evidence } = await stored();
      const taken: Uint8Array[] = [];
      const { file } = await other.fetch(evidence, (piece) => taken.push(piece));
      expect(readFileSync(file!, 'utf8')).toBe('content');
      expect(Buffer.concat(taken).toString()).toBe('content');
      expect(await other.check(evidence)).toBeUndefined();
    });

    for (const [kind, content] of [
      ['missing', undefined],
      ['changed', 'CONTENT'],
      ['changed', ''],
    ] as const) {
      test(`find a file that is ${kind}: ${content ?? 'removed'}`, async () => {
        const { store, other, evidence, harness } = await stored();
        harness.damage(PATH, content);
        expect(await other.fetch(evidence)).toEqual({ drift: { evidence, kind } });
        // Also if a cache contains a good copy.
        expect(await store.check(evidence)).toEqual({ evidence, kind });
      });
    }

    test('pass on an error of the receiver', async () => {
      const { store, evidence } = await stored();
      const full = new Error('no space');
      const take = () => {
        throw full;
      };
      await expect(store.fetch(evidence, take)).rejects.toBe(full);
    });
  });

  describe('discard', () => {
    test('removes a file that was created, and nothing else', async () => {
      const { store } = await made();
      const first = await put(store, PATH, 'result', bytes('content'));
      await store.discard(await put(store, PATH, 'result', bytes('content')));
      expect(await store.check(first.evidence)).toBeUndefined();
      await store.discard(first);
      expect((await store.list('results')).paths).toEqual([]);
    });

    test('restores a file that was recorded in the meantime', async () => {
      const { store } = await made();
      const stored = await put(store, PATH, 'result', bytes('content'));
      await store.discard(stored, async () => {
        expect(await store.check(stored.evidence)).toMatchObject({ kind: 'missing' });
        return true;
      });
      expect(await store.check(stored.evidence)).toBeUndefined();
    });

    test('keeps a file that may be recorded if the queue cannot be read', async () => {
      const { store } = await made();
      const stored = await put(store, PATH, 'result', bytes('content'));
      const away = new Error('the broker is away');
      await expect(store.discard(stored, () => Promise.reject(away))).rejects.toBe(away);
      expect(await store.check(stored.evidence)).toBeUndefined();
    });
  });

  describe('remove', () => {
    test('removes the named files, and nothing else', async () => {
      const { store } = await made();
      const first = await put(store, PATH, 'result', bytes('content'));
      const second = await put(store, 'artifacts/t/1/kept.md', 'kept', bytes('content'));
      await store.remove([PATH, 'results/missing.md', 'artifacts/missing/1/x.md']);
      expect(await store.check(first.evidence)).toMatchObject({ kind: 'missing' });
      expect(await store.check(second.evidence)).toBeUndefined();
    });
  });

  describe('references', () => {
    test.each(['with space.md', 'ünïcödé 👩🏽‍💻.md', '100%25#?&.md', 'new\nline.md', '~tilde~2.md'])(
      'lead to the file: %j',
      async (name) => {
        const { store, harness } = await made();
        const { evidence } = await put(store, `artifacts/t/1/${name}`, 'odd', bytes('content'));
        const ref = store.refOf(evidence.path);
        expect(URL.canParse(ref)).toBe(true);
        const content = await harness.open().unrecorded(ref);
        expect(content?.size).toBe(7);
        const pieces: Uint8Array[] = [];
        await content!.readInto((piece) => pieces.push(piece));
        expect(Buffer.concat(pieces).toString()).toBe('content');
        expect((await store.list('artifacts')).paths).toEqual([evidence.path]);
      },
    );

    test('to other places are not followed', async () => {
      const { store } = await made();
      for (const ref of ['file:///etc/passwd', 'http://127.0.0.1:1/files/x', store.refOf('tasks/none.md'), 'invalid'])
        expect(await store.unrecorded(ref)).toBeUndefined();
    });
  });

  describe('identity', () => {
    test('is set once', async () => {
      const opened = await harness();
      expect([await opened.open().identity(), await opened.open().isMade()]).toEqual([undefined, false]);
      expect(await opened.open().make('first')).toBe('first');
      expect(await opened.open().make('second')).toBe('first');
      expect([await opened.open().identity(), await opened.open().isMade()]).toEqual(['first', true]);
    });

    test('is recorded with evidence, and compared before each write', async () => {
      const { harness } = await made();
      const own = harness.open('store-1');
      await own.attend();
      await own.probe();
      const { evidence } = await put(own, PATH, 'result', bytes('content'));
      expect(evidence.store).toBe('store-1');
      const other = harness.open('store-2');
      await expect(other.attend()).rejects.toMatchObject({ code: 'storage' });
      await expect(other.probe()).rejects.toMatchObject({ code: 'storage' });
      await expect(put(other, 'results/b.md', 'result', bytes('b'))).rejects.toMatchObject({ code: 'storage' });
      expect((await own.list('results')).paths).toEqual([PATH]);
    });
  });

  describe('staging', () => {
    test('finds the files that an attempt wrote after its claim', async () => {
      const { store } = await made();
      const { staging } = store;
      stage(store, 'artifacts/t/1/old.md', 'stale');
      const folder = staging.prepare('artifacts/t/1', 'claim', [PATH]);
      expect(folder).toBe(staging.locate('artifacts/t/1'));
      stage(store, 'artifacts/t/1/sub/new.md', 'written');
      stage(store, PATH, 'written');
      const wrote = staging.writtenSince('artifacts/t/1', 'claim');
      const { paths } = staging.scan('artifacts/t/1');
      expect([...paths, PATH, 'results/b.md'].filter(wrote)).toEqual(['artifacts/t/1/sub/new.md', PATH]);
      expect(paths.filter(staging.writtenSince('artifacts/t/1', 'another claim'))).toEqual([]);
      expect(staging.scan('artifacts/t/1', () => false).paths).toEqual(['artifacts/t/1/old.md']);
      expect(staging.pathOf(join(folder, 'old.md'))).toBe('artifacts/t/1/old.md');
    });
  });

  test('lists the files of one folder', async () => {
    const { store, harness } = await made();
    for (const path of ['tasks/a.md', 'artifacts/t/1/b.md', 'artifacts/t/1/sub/c.md'])
      await put(store, path, 'n', bytes(path));
    expect((await harness.open().list('artifacts')).paths).toEqual(['artifacts/t/1/b.md', 'artifacts/t/1/sub/c.md']);
    expect(await store.list('results')).toMatchObject({ paths: [], closed: [] });
  });
});
