import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import type { Source } from '../../src/artifacts/store.ts';
import type { Evidence } from '../../src/core/evidence/evidence.ts';
import { checkSource } from '../../src/files/source-file.ts';
import { adopt, put, read } from './requests.ts';
import { Child } from '../backend/support/child.ts';
import { scratchFolder } from '../backend/support/scratch.ts';

const MIB = 1024 * 1024;
const PATH = 'results/a.md';
const isRoot = process.getuid?.() === 0;

interface Place {
  readonly store: FsStore;
  readonly root: string;
  /** A folder outside the store. */
  readonly outside: string;
}

function place(): Place {
  const outside = scratchFolder();
  const root = join(outside, 'store');
  mkdirSync(join(root, 'tasks'), { recursive: true });
  return { store: new FsStore(root, 0o600, 0o700), root, outside };
}

const bytes = (text: string): Source => ({ bytes: Buffer.from(text) });
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
const octal = (path: string) => (statSync(path).mode & 0o7777).toString(8);

function file(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Random bytes that depend on the seed. */
function noise(size: number, seed = 1): Buffer {
  const noise = Buffer.alloc(size);
  for (let n = 0, state = seed; n < size; n++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    noise[n] = state >>> 24;
  }
  return noise;
}

/** All names below the folder, also temporary files and folders, except `tasks`, which every store has. */
const names = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== 'tasks')
    .toSorted();

/** Stores evidence with the content `content`. */
async function storedEvidence(store: FsStore, path = PATH): Promise<Evidence> {
  return (await put(store, path, 'result', bytes('content'))).evidence;
}

function makeFifo(path: string): string {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  return path;
}

describe('put', () => {
  test('stores a copy and records its name, its path, its hash and its size', async () => {
    const { store, root, outside } = place();
    const source = file(join(outside, 'draft.md'), 'content');
    const stored = await put(store, PATH, 'result', { file: source });
    expect(stored).toEqual({
      evidence: { name: 'result', path: PATH, sha256: sha256('content'), size: 7 },
      created: true,
      file: join(root, PATH),
    });
    appendFileSync(source, ' and more');
    expect(readFileSync(join(root, PATH), 'utf8')).toBe('content');
  });

  test('never overwrites a file: other content under a taken path gets a number', async () => {
    const { store, root } = place();
    const paths: string[] = [];
    for (const text of ['first', 'second', 'third']) {
      paths.push((await put(store, PATH, 'result', bytes(text))).evidence.path);
    }
    expect(paths).toEqual([PATH, 'results/a~2.md', 'results/a~3.md']);
    expect(paths.map((path) => readFileSync(join(root, path), 'utf8'))).toEqual(['first', 'second', 'third']);
  });

  test('stores the same content once, also under a numbered path', async () => {
    const { store, root } = place();
    const first = await put(store, PATH, 'result', bytes('first'));
    const second = await put(store, PATH, 'result', bytes('second'));
    expect(await put(store, PATH, 'result', bytes('second'))).toEqual({ ...second, created: false });
    expect(await put(store, PATH, 'result', bytes('first'))).toEqual({ ...first, created: false });
    expect(names(join(root, 'results'))).toEqual(['a.md', 'a~2.md']);
  });

  test('stores the same content again under another path', async () => {
    const { store } = place();
    await put(store, PATH, 'result', bytes('same'));
    expect(await put(store, 'results/b.md', 'result', bytes('same'))).toMatchObject({ created: true });
  });

  test('puts the number before the last extension', async () => {
    const { store } = place();
    for (const [path, numbered] of [
      ['artifacts/t/1/log', 'artifacts/t/1/log~2'],
      ['artifacts/t/1/out.tar.gz', 'artifacts/t/1/out.tar~2.gz'],
      ['artifacts/t/1/.env', 'artifacts/t/1/.env~2'],
      ['artifacts/t.x/1/log', 'artifacts/t.x/1/log~2'],
    ]) {
      await put(store, path!, 'log', bytes('first'));
      expect((await put(store, path!, 'log', bytes('second'))).evidence.path).toBe(numbered);
    }
  });

  test('stores an empty file', async () => {
    const { store } = place();
    const { evidence } = await put(store, PATH, 'result', bytes(''));
    expect(evidence).toMatchObject({ size: 0, sha256: sha256('') });
    expect(await store.check(evidence)).toBeUndefined();
    expect(await read(store, evidence)).toHaveLength(0);
  });

  for (const size of [MIB - 1, MIB, MIB + 1, 5 * MIB + 3]) {
    test(`hashes a file of ${size} bytes like node:crypto, and stores it completely`, async () => {
      const { store, root, outside } = place();
      const content = noise(size);
      const source = file(join(outside, 'large'), content);
      const { evidence } = await put(store, 'artifacts/t/1/large', 'large', { file: source });
      expect(evidence).toMatchObject({ size, sha256: sha256(content) });
      expect(readFileSync(join(root, evidence.path)).equals(content)).toBe(true);
      expect(await store.check(evidence)).toBeUndefined();
      expect(await adopt(store, evidence.path, 'large')).toEqual(evidence);
      expect((await read(store, evidence)).equals(content)).toBe(true);
      expect((await put(store, 'artifacts/t/1/large', 'large', { bytes: content })).created).toBe(false);
    });
  }

  test('stores all files that are put under the same path at once', async () => {
    const { store, root } = place();
    const contents = [1, 2, 3, 1, 2, 3].map((seed) => noise(MIB + 10, seed));
    const { outside } = place();
    const stored = await Promise.all(
      contents.map((content, n) => put(store, PATH, 'result', { file: file(join(outside, `${n}`), content) })),
    );
    expect(stored.map(({ evidence }) => evidence.sha256)).toEqual(contents.map(sha256));
    for (const { evidence } of stored) expect(await store.check(evidence)).toBeUndefined();
    expect(stored.filter(({ created }) => created)).toHaveLength(3);
    expect(names(join(root, 'results'))).toEqual(['a.md', 'a~2.md', 'a~3.md']);
  });

  test('follows a link if the link is given as the source', async () => {
    const { store, outside } = place();
    const target = file(join(outside, 'real.md'), 'content');
    symlinkSync(target, join(outside, 'link.md'));
    const { evidence } = await put(store, PATH, 'result', { file: join(outside, 'link.md') });
    expect(evidence).toMatchObject({ sha256: sha256('content') });
    expect(await store.check(evidence)).toBeUndefined();
  });

  for (const [what, make] of Object.entries<(path: string, outside: string) => void>({
    'a link to a file elsewhere': (path, outside) => symlinkSync(join(outside, 'victim'), path),
    'a link to nowhere': (path, outside) => symlinkSync(join(outside, 'nowhere'), path),
    'a folder': (path) => mkdirSync(path),
  })) {
    test(`takes another number if ${what} exists at its path, and does not change that`, async () => {
      const { store, root, outside } = place();
      mkdirSync(join(root, 'results'));
      const victim = file(join(outside, 'victim'), 'precious');
      make(join(root, PATH), outside);
      expect(await put(store, PATH, 'result', bytes('content'))).toMatchObject({
        created: true,
        evidence: { path: 'results/a~2.md' },
      });
      expect(readFileSync(victim, 'utf8')).toBe('precious');
      expect(existsSync(join(outside, 'nowhere'))).toBe(false);
    });
  }

  for (const [what, make, message] of [
    ['is missing', () => undefined, 'does not exist'],
    ['is a folder', (path) => mkdirSync(path), 'is a directory'],
    ['is a fifo', makeFifo, 'is not a regular file'],
    ['is a link to nowhere', (path) => symlinkSync(`${path}-nowhere`, path), 'does not exist'],
    ['is a link to itself', (path) => symlinkSync(path, path), 'cannot be read'],
    ['is a device', (path) => symlinkSync('/dev/null', path), 'is not a regular file'],
  ] as const satisfies readonly [string, (path: string) => unknown, string][]) {
    test(`reports in one line that its source ${what}, and leaves no file`, async () => {
      const { store, root, outside } = place();
      const source = join(outside, 'source');
      make(source);
      await expect(put(store, PATH, 'result', { file: source })).rejects.toMatchObject({
        name: 'AgentqError',
        code: 'unreadable-file',
        message: expect.stringMatching(new RegExp(`^${source} .*${message}[^\n]*$`)),
      });
      expect(names(root).filter((name) => name !== 'results')).toEqual([]);
      expect(() => checkSource({ file: source })).toThrow(expect.objectContaining({ code: 'unreadable-file' }));
    });
  }

  test('can be checked before without an effect', () => {
    const { root, outside } = place();
    checkSource({ file: file(join(outside, 'source'), 'content') });
    expect(names(root)).toEqual([]);
  });

  test('reports that a source below a file does not exist', async () => {
    const { store, outside } = place();
    const source = join(file(join(outside, 'plain'), ''), 'below');
    await expect(put(store, PATH, 'result', { file: source })).rejects.toMatchObject({
      code: 'unreadable-file',
      message: `${source} does not exist`,
    });
  });

  // A file that cannot be read although its mode allows it, as on a failing disk.
  const FAILING = '/proc/self/mem';

  test('that cannot read its source completely leaves no file', async (context) => {
    context.skip(!existsSync(FAILING), 'only Linux has this file');
    const { store, root } = place();
    await expect(put(store, PATH, 'result', { file: FAILING })).rejects.toThrow();
    expect(names(root).filter((name) => name !== 'results')).toEqual([]);
  });

  test('that cannot read its source completely reports it', async (context) => {
    context.skip(!existsSync(FAILING), 'only Linux has this file');
    const { store } = place();
    await expect(put(store, PATH, 'result', { file: FAILING })).rejects.toMatchObject({ code: 'unreadable-file' });
  });

  test('reports that its source is not readable', async (context) => {
    context.skip(isRoot, 'root may read everything');
    const { store, outside } = place();
    const source = file(join(outside, 'secret'), 'content');
    chmodSync(source, 0o000);
    await expect(put(store, PATH, 'result', { file: source })).rejects.toMatchObject({
      code: 'unreadable-file',
      message: `${source} is not readable for this user`,
    });
  });

  test('that is killed leaves no partial file under a final name', async () => {
    const { store, root, outside } = place();
    const content = noise(3 * MIB);
    const source = file(join(outside, 'source'), content);
    let printed = 0;
    for (const lines of [1, 2, 3, 5, 8]) {
      const child = new Child(new URL('processes/put-forever.ts', import.meta.url), [root, source]);
      await child.printed(lines);
      await child.kill();
      printed = Math.max(printed, child.lines.length);
      expect((await store.list('results')).paths).toEqual(expect.arrayContaining(child.lines));
    }
    const found = (await store.list('results')).paths;
    expect(found.length).toBeGreaterThanOrEqual(printed);
    for (const path of found) {
      expect(
        await store.check({ name: 'result', path, sha256: sha256(content), size: content.length }),
      ).toBeUndefined();
    }
  });
});

describe('discard', () => {
  test('removes a file that was created', async () => {
    const { store, root } = place();
    await store.discard(await put(store, PATH, 'result', bytes('content')));
    expect(names(join(root, 'results'))).toEqual([]);
    expect((await put(store, PATH, 'result', bytes('other'))).evidence.path).toBe(PATH);
  });

  test('keeps a file that existed before', async () => {
    const { store } = place();
    const evidence = await storedEvidence(store);
    await store.discard(await put(store, PATH, 'result', bytes('content')));
    expect(await store.check(evidence)).toBeUndefined();
  });

  test('keeps the other files with the same name and another number', async () => {
    const { store, root } = place();
    await put(store, PATH, 'result', bytes('first'));
    await store.discard(await put(store, PATH, 'result', bytes('second')));
    expect(names(join(root, 'results'))).toEqual(['a.md']);
  });
});

describe('adopt', () => {
  test('records a file at its place without a copy', async () => {
    const { store, root } = place();
    const path = 'artifacts/t/1/sub/report.md';
    file(join(root, path), 'content');
    const evidence = await adopt(store, path, 'report');
    expect(evidence).toEqual({ name: 'report', path, sha256: sha256('content'), size: 7 });
    expect(await store.check(evidence)).toBeUndefined();
    expect((await store.list('artifacts')).paths).toEqual([path]);
  });

  for (const [what, make] of Object.entries<(path: string, outside: string) => void>({
    missing: () => undefined,
    'a folder': (path) => mkdirSync(path),
    'a fifo': makeFifo,
    'a link to a file elsewhere': (path, outside) => symlinkSync(file(join(outside, 'secret'), 'content'), path),
    'a link to a file of the store': (path) => symlinkSync(file(join(dirname(path), 'b.md'), 'content'), path),
    'a link to nowhere': (path) => symlinkSync('nowhere', path),
  })) {
    test(`refuses a file that is ${what}`, async () => {
      const { store, root, outside } = place();
      mkdirSync(join(root, 'results'));
      make(join(root, PATH), outside);
      await expect(adopt(store, PATH, 'result')).rejects.toMatchObject({
        name: 'AgentqError',
        code: 'unreadable-file',
      });
    });
  }
});

describe('scan', () => {
  test('lists the regular files in and below a folder, in order', async () => {
    const { store, root } = place();
    for (const path of ['b.md', 'a.md', 'sub/c.md', 'sub/deep/d.md', '.hidden'])
      file(join(root, 'artifacts/t', path), '');
    mkdirSync(join(root, 'artifacts/t/empty'));
    file(join(root, 'artifacts/t2/other.md'), '');
    expect((await store.list('artifacts/t')).paths).toEqual(
      ['.hidden', 'a.md', 'b.md', 'sub/c.md', 'sub/deep/d.md'].map((path) => `artifacts/t/${path}`),
    );
  });

  test('lists nothing for a missing folder', async () => {
    const { store } = place();
    expect((await store.list('artifacts/missing')).paths).toEqual([]);
  });

  test('follows no links, and omits fifos and partial files', async () => {
    const { store, root, outside } = place();
    const folder = join(root, 'artifacts/t');
    file(join(folder, 'real.md'), '');
    file(join(folder, '.agentq-tmp-1-abc'), 'half');
    file(join(outside, 'secrets/key'), '');
    symlinkSync(join(outside, 'secrets'), join(folder, 'folder-link'));
    symlinkSync(join(outside, 'secrets/key'), join(folder, 'file-link'));
    symlinkSync('nowhere', join(folder, 'dangling'));
    symlinkSync('.', join(folder, 'loop'));
    makeFifo(join(folder, 'fifo'));
    expect((await store.list('artifacts/t')).paths).toEqual(['artifacts/t/real.md']);
  });
});

describe('leftovers', () => {
  const LONG_AGO = new Date(1_000);

  test('are the partial files that have not changed since a given time, and can be removed', async () => {
    const { store, root } = place();
    const evidence = await storedEvidence(store);
    const found = [
      'artifacts/t/1/.agentq-tmp-1-old',
      'results/.agentq-tmp-1-old',
      'snapshots/agentq/chunks/.agentq-tmp-1-old',
    ];
    for (const name of [...found, 'results/.agentq-tmp-1-new']) {
      file(join(root, name), 'half');
      if (name.endsWith('old')) utimesSync(join(root, name), LONG_AGO, LONG_AGO);
    }
    utimesSync(join(root, PATH), LONG_AGO, LONG_AGO);
    expect((await store.leftovers(2_000)).toSorted()).toEqual(found);
    for (const path of found) await store.removeLeftover(path);
    expect(await store.leftovers(2_000)).toEqual([]);
    expect(names(join(root, 'results'))).toEqual(['.agentq-tmp-1-new', 'a.md']);
    expect(await store.check(evidence)).toBeUndefined();
    await store.removeLeftover(found[0]!);
  });

  test('of a put that was killed are found', async () => {
    const { store, root, outside } = place();
    const source = file(join(outside, 'source'), noise(3 * MIB));
    for (const deadline = Date.now() + 10_000; names(root).every((name) => !name.includes('tmp'));) {
      const child = new Child(new URL('processes/put-forever.ts', import.meta.url), [root, source]);
      await child.printed(1);
      await child.kill();
      expect(Date.now()).toBeLessThan(deadline);
    }
    expect(await store.leftovers(Date.now() + 60_000)).toEqual([expect.stringMatching(/^results\/\.agentq-tmp-/)]);
  });

  test('are not searched behind links, because other stores may be there', async () => {
    const { store, root, outside } = place();
    file(join(outside, 'other-store/results/.agentq-tmp-1-x'), 'half');
    mkdirSync(join(root, 'results'));
    symlinkSync(join(outside, 'other-store'), join(root, 'results/link'));
    symlinkSync('.', join(root, 'results/loop'));
    expect(await store.leftovers(Date.now() + 60_000)).toEqual([]);
  });
});

describe('check and read', () => {
  test('find no drift in a file of which only the times have changed', async () => {
    const { store, root } = place();
    const evidence = await storedEvidence(store);
    utimesSync(join(root, PATH), 0, 0);
    expect(await store.check(evidence)).toBeUndefined();
    expect((await read(store, evidence)).toString()).toBe('content');
  });

  for (const [what, kind, tamper] of [
    ['is missing', 'missing', (path) => unlinkSync(path)],
    ['is missing with its folder', 'missing', (path) => rmSync(dirname(path), { recursive: true })],
    ['has grown', 'changed', (path) => appendFileSync(path, '!')],
    ['was emptied', 'changed', (path) => writeFileSync(path, '')],
    ['was changed and has the same size', 'changed', (path) => writeFileSync(path, 'Content')],
    ['was replaced by a folder', 'unreadable', (path) => (unlinkSync(path), mkdirSync(path))],
    ['was replaced by a link to another file', 'unreadable', swapForLink('other')],
  ] as const satisfies readonly [string, string, (path: string) => unknown][]) {
    test(`find that a file ${what}`, async () => {
      const { store, root } = place();
      const evidence = await storedEvidence(store);
      tamper(join(root, PATH));
      expect(await store.check(evidence)).toEqual({ evidence, kind });
      await expect(read(store, evidence)).rejects.toMatchObject({
        name: 'AgentqError',
        code: 'drift',
        message: expect.stringContaining(PATH),
        hint: expect.stringContaining(join(root, PATH)),
      });
    });
  }

  test('do not accept a link to the same content', async () => {
    const { store, root } = place();
    const evidence = await storedEvidence(store);
    swapForLink('content')(join(root, PATH));
    expect(await store.check(evidence)).toEqual({ evidence, kind: 'unreadable' });
  });

  test('read no byte of a file that has another size', async () => {
    const { store, root } = place();
    const evidence = await storedEvidence(store);
    appendFileSync(join(root, PATH), '!');
    let taken = 0;
    const fetched = await store.fetch(evidence, ({ length }) => (taken += length));
    expect({ fetched, taken }).toEqual({ fetched: { drift: { evidence, kind: 'changed' } }, taken: 0 });
  });

  test('find one changed byte in a large file', async () => {
    const { store, root } = place();
    const content = noise(2 * MIB);
    const { evidence } = await put(store, PATH, 'result', { bytes: content });
    content[MIB + 5]! ^= 1;
    writeFileSync(join(root, PATH), content);
    expect(await store.check(evidence)).toEqual({ evidence, kind: 'changed' });
    await expect(read(store, evidence)).rejects.toMatchObject({ code: 'drift' });
  });

  test('find that a file is not readable', async (context) => {
    context.skip(isRoot, 'root may read everything');
    const { store, root } = place();
    const evidence = await storedEvidence(store);
    chmodSync(join(root, PATH), 0o000);
    expect(await store.check(evidence)).toEqual({ evidence, kind: 'unreadable' });
    await expect(read(store, evidence)).rejects.toMatchObject({ code: 'drift' });
  });

  for (const [how, outcome] of [
    ['check', 'unreadable'],
    ['read', 'drift'],
    ['put', 'results/a~2.md'],
  ] as const) {
    test(`a fifo in the place of a file does not block ${how}`, async () => {
      const { root } = place();
      mkdirSync(join(root, 'results'));
      makeFifo(join(root, PATH));
      // In another process, which can be killed.
      const child = new Child(
        new URL('processes/look.ts', import.meta.url),
        [how, root, PATH, sha256('content')],
        10_000,
      );
      expect(await child.output()).toEqual([outcome]);
    });
  }
});

function swapForLink(content: string): (path: string) => void {
  return (path) => {
    unlinkSync(path);
    symlinkSync(file(join(dirname(path), 'elsewhere'), content), path);
  };
}

describe('paths', () => {
  test('of files in the store are distinguished from other paths', () => {
    const { store, root, outside } = place();
    file(join(root, PATH), '');
    file(join(outside, 'store-2/results/a.md'), '');
    expect(store.staging.pathOf(join(root, PATH))).toBe(PATH);
    expect(store.staging.pathOf(join(root, 'results/../results/./a.md'))).toBe(PATH);
    expect(store.staging.pathOf(relative(process.cwd(), join(root, PATH)))).toBe(PATH);
    expect(store.staging.pathOf(join(root, 'results/not-there.md'))).toBe('results/not-there.md');
    for (const elsewhere of [root, outside, join(outside, 'store-2/results/a.md'), '/etc/passwd', '/']) {
      expect(store.staging.pathOf(elsewhere)).toBeUndefined();
    }
  });

  test('are the same if the store is given by its path or through a link', () => {
    const { root, outside } = place();
    file(join(root, PATH), '');
    const link = join(outside, 'link');
    symlinkSync(root, link);
    for (const named of [root, link]) {
      const store = new FsStore(named, 0o600, 0o700);
      expect(store.staging.pathOf(join(root, PATH))).toBe(PATH);
      expect(store.staging.pathOf(join(link, PATH))).toBe(PATH);
      expect(store.staging.pathOf(join(link, 'results'))).toBe('results');
    }
  });

  test('through a folder that is a link are not paths of the store', () => {
    const { store, root, outside } = place();
    file(join(outside, 'secrets/key'), '');
    mkdirSync(join(root, 'results'));
    symlinkSync(join(outside, 'secrets'), join(root, 'results/out'));
    expect(store.staging.pathOf(join(root, 'results/out/key'))).toBeUndefined();
    symlinkSync(join(root, 'results'), join(outside, 'in'));
    file(join(root, PATH), '');
    expect(store.staging.pathOf(join(outside, 'in/a.md'))).toBe(PATH);
  });

  test('of links are the paths of the links, not of their targets', () => {
    const { store, root, outside } = place();
    mkdirSync(join(root, 'results'));
    symlinkSync(file(join(outside, 'secret'), ''), join(root, PATH));
    expect(store.staging.pathOf(join(root, PATH))).toBe(PATH);
    file(join(root, 'results/b.md'), '');
    symlinkSync(join(root, 'results/b.md'), join(outside, 'link'));
    expect(store.staging.pathOf(join(outside, 'link'))).toBeUndefined();
  });

  for (const name of [
    'with space.md',
    'ünïcödé 👩🏽‍💻.md',
    'e\u0301 and \u00e9.md',
    '100%25#?&.md',
    `'single' "double" \`back\`.md`,
    '-rf.md',
    'back\\slash.md',
    'new\nline.md',
    '~tilde~2.md',
    '..two-dots.md',
    '...',
    'a'.repeat(200),
  ]) {
    test(`work in both directions with the name ${JSON.stringify(name.slice(0, 40))}`, async () => {
      const { store, root } = place();
      const path = `artifacts/t/1/${name}`;
      const { evidence } = await put(store, path, 'odd', bytes('content'));
      expect(evidence.path).toBe(path);
      expect(readFileSync(join(root, path), 'utf8')).toBe('content');
      expect((await store.list('artifacts')).paths).toEqual([path]);
      expect(store.staging.pathOf(join(root, path))).toBe(path);
      expect(store.staging.locate(path)).toBe(join(root, path));
      expect(fileURLToPath(store.refOf(path))).toBe(join(root, path));
      expect(await store.check(await adopt(store, path, 'odd'))).toBeUndefined();
    });
  }

  test('at the root of the store may begin with two dots', () => {
    const { store, root } = place();
    file(join(root, '..odd.md'), '');
    expect(store.staging.pathOf(join(root, '..odd.md'))).toBe('..odd.md');
  });
});

describe('folders and modes', () => {
  test('a folder is prepared once, and not changed the second time', async () => {
    const { store, root } = place();
    const folder = store.staging.prepare('artifacts/t/1', 'claim', []);
    expect(realpathSync(folder)).toBe(join(realpathSync(root), 'artifacts/t/1'));
    file(join(folder, 'report.md'), 'content');
    expect(store.staging.prepare('artifacts/t/1', 'claim', [])).toBe(folder);
    expect((await store.list('artifacts/t/1')).paths).toEqual(['artifacts/t/1/report.md']);
  });

  for (const [who, fileMode, folderMode] of [
    ['only their owner', '600', '700'],
    ['a group', '660', '2770'],
  ] as const) {
    for (const umask of ['000', '022', '077']) {
      test(`files and folders are accessible for ${who} with the umask ${umask}`, async () => {
        const { root } = place();
        const modes = [umask, fileMode, folderMode];
        const keep = new URL('processes/keep.ts', import.meta.url);
        await new Child(keep, ['put', root, 'results/deep/a.md', ...modes]).output();
        await new Child(keep, ['adopt', root, 'artifacts/t/1', ...modes]).output();
        expect(octal(join(root, 'results/deep/a.md'))).toBe(fileMode);
        for (const folder of ['results', 'results/deep', 'artifacts', 'artifacts/t', 'artifacts/t/1']) {
          expect([folder, octal(join(root, folder))]).toEqual([folder, folderMode]);
        }
      });
    }
  }

  test('an existing folder keeps its mode', async () => {
    const { store, root } = place();
    mkdirSync(join(root, 'results'), { mode: 0o755 });
    await storedEvidence(store);
    expect(octal(join(root, 'results'))).toBe('755');
  });
});
