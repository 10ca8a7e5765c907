import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** The modes of everything in a folder, by kind. */
function modes(folder: string): { files: string[]; folders: string[] } {
  const found = { files: new Set<string>(), folders: new Set([octal(folder)]) };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    found[entry.isDirectory() ? 'folders' : 'files'].add(octal(join(entry.parentPath, entry.name)));
  }
  return { files: [...found.files].toSorted(), folders: [...found.folders].toSorted() };
}
const octal = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** A task's whole life, so that every kind of file and folder is there. */
async function live(q: Shell): Promise<void> {
  q.write('context.md', 'background');
  await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
  await q.claim();
  await q.ok('complete', 't', '--from', 'r', '--result-file', 'context.md', '--artifact', 'patch=context.md');
}

async function withUmask<T>(mask: number, run: () => Promise<T>): Promise<T> {
  const before = process.umask(mask);
  try {
    return await run();
  } finally {
    process.umask(before);
  }
}

describe('init', () => {
  test('makes a workspace here, and says where', async ({ bare }) => {
    expect(await bare.run('init')).toMatchObject({ code: 0, stdout: `made the workspace ${bare.path('.agentq')}\n` });
    expect(await bare.submit('t')).toBe('t');
  });

  test('again does no harm', async ({ bare }) => {
    await bare.ok('init');
    await bare.submit('t');
    expect(await bare.ok('init')).toBe(`found the workspace ${bare.path('.agentq')}`);
    expect((await bare.task('t')).status).toBe('queued');
  });

  test('tells in --json where everything lies, and whether it was made', async ({ bare }) => {
    const dir = bare.path('.agentq');
    expect(await bare.json('init')).toEqual({ dir, store: dir, created: true });
    expect(await bare.json('init')).toEqual({ dir, store: dir, created: false });
  });

  test('makes again what is missing', async ({ bare }) => {
    await bare.ok('init');
    for (const folder of ['tasks', 'run', 'bells']) rmSync(bare.path('.agentq', folder), { recursive: true });
    await bare.ok('init');
    expect(readdirSync(bare.path('.agentq'))).toEqual(expect.arrayContaining(['tasks', 'run', 'bells']));
  });

  test('keeps the config that is there', async ({ bare }) => {
    await bare.ok('init');
    const config = JSON.stringify({ version: 1, defaults: { lease: '1m' } });
    bare.write('.agentq/config.json', config);
    await bare.ok('init');
    expect(bare.read('.agentq/config.json')).toBe(config);
  });

  test('--dir names the workspace itself', async ({ bare }) => {
    expect(await bare.ok('init', '--dir', 'queue')).toContain(bare.path('queue'));
    expect(readdirSync(bare.path('queue'))).toContain('config.json');
    expect(await bare.submit('t', '--dir', 'queue')).toBe('t');
  });

  test('AGENTQ_DIR names it as well', async ({ bare }) => {
    const there = bare.with({ env: { AGENTQ_DIR: bare.path('queue') } });
    await there.ok('init');
    expect(readdirSync(bare.path('queue'))).toContain('agentq.db');
  });

  test('--dir with the folder above a workspace finds that workspace, and makes no second one', async ({ q }) => {
    await q.submit('t');
    expect(await q.json('init', '--dir', q.cwd)).toMatchObject({ dir: q.path('.agentq'), created: false });
    expect(readdirSync(q.cwd)).toEqual(['.agentq']);
    expect((await q.json('list', '--dir', q.cwd)).tasks).toHaveLength(1);
  });

  test('is refused where a file is in the way', async ({ bare }) => {
    bare.write('file', 'not a folder');
    expect(await bare.refused('init', '--dir', 'file')).toMatchObject({ exit: 2, hint: expect.any(String) });
  });

  test('is refused below a file, in one line', async ({ bare }) => {
    bare.write('file', 'not a folder');
    const { code, stderr } = await bare.run('init', '--dir', 'file/queue');
    expect(code).not.toBe(1);
    expect(stderr).toMatch(/^agentq: [^\n]+\n$/);
  });
});

describe('the store', () => {
  test('lies in the workspace', async ({ q }) => {
    await live(q);
    expect(q.stored()).toEqual(['tasks/t.md', 'results/t.md', 'artifacts/t/1/patch.md']);
  });

  test('lies where --store says, for every command', async ({ bare }) => {
    expect((await bare.json('init', '--store', 'evidence')).store).toBe(bare.path('evidence'));
    await live(bare);
    expect(bare.files('evidence')).toEqual(['artifacts/t/1/patch.md', 'results/t.md', 'tasks/t.md']);
    expect(readdirSync(bare.path('.agentq'))).not.toContain('tasks');
    expect(await bare.ok('result', 't')).toBe('background');
  });

  test('that is relative in the config lies beside it', async ({ q }) => {
    q.write('.agentq/config.json', JSON.stringify({ version: 1, store: '../evidence' }));
    await q.ok('init');
    await live(q);
    expect(q.files('evidence')).toContain('tasks/t.md');
  });
});

describe('the workspace is found', () => {
  test('in this folder and in those above', async ({ q }) => {
    mkdirSync(q.path('a/b/c'), { recursive: true });
    await q.submit('t');
    expect((await q.with({ cwd: q.path('a/b/c') }).task('t')).status).toBe('queued');
  });

  test('in the nearest of them', async ({ q }) => {
    mkdirSync(q.path('inner'));
    const inner = q.with({ cwd: q.path('inner') });
    await inner.ok('init');
    await inner.submit('t');
    expect((await q.json('list')).tasks).toEqual([]);
    expect((await inner.json('list')).tasks).toHaveLength(1);
  });

  test('by --dir, as the workspace or as the folder that holds it', async ({ q }) => {
    await q.submit('t');
    mkdirSync(q.path('elsewhere'));
    const elsewhere = q.with({ cwd: q.path('elsewhere') });
    for (const dir of ['..', '../.agentq', q.cwd, q.path('.agentq')]) {
      expect((await elsewhere.json('list', '--dir', dir)).tasks).toHaveLength(1);
    }
  });

  test('by AGENTQ_DIR, as the workspace or as the folder that holds it', async ({ q }) => {
    await q.submit('t');
    for (const AGENTQ_DIR of [q.cwd, q.path('.agentq')]) {
      expect((await q.with({ cwd: '/', env: { AGENTQ_DIR } }).json('list')).tasks).toHaveLength(1);
    }
  });

  test('by --dir rather than by AGENTQ_DIR, and by that rather than by the search', async ({ q }) => {
    for (const name of ['one', 'two']) {
      await q.ok('init', '--dir', name);
      await q.submit(name, '--dir', name);
    }
    const only = async (shell: Shell, ...more: string[]) => (await shell.json('list', ...more)).tasks[0].task_id;
    const named = q.with({ env: { AGENTQ_DIR: 'one' } });
    expect(await only(named)).toBe('one');
    expect(await only(named, '--dir', 'two')).toBe('two');
  });

  test('by the search where AGENTQ_DIR is empty', async ({ q }) => {
    await q.submit('t');
    expect((await q.with({ env: { AGENTQ_DIR: '' } }).json('list')).tasks).toHaveLength(1);
  });

  test('by --dir before the command as well as after it', async ({ q }) => {
    await q.submit('t');
    const elsewhere = q.with({ cwd: '/' });
    expect((await elsewhere.json('--dir', q.cwd, 'list')).tasks).toHaveLength(1);
  });
});

describe('without a workspace', () => {
  for (const args of [
    ['submit', '--to', 'r', '--instructions', 'x'],
    ['status'],
    ['status', 't'],
    ['list'],
    ['show', 't'],
    ['result', 't'],
    ['wait', 't'],
    ['inbox'],
    ['cancel', 't'],
    ['claim', '--as', 'r'],
    ['progress', 't'],
    ['complete', 't', '--from', 'r'],
    ['fail', 't', '--from', 'r', '--reason', 'x'],
    ['release', 't', '--from', 'r'],
    ['dlq'],
    ['dlq', 'show', 't'],
    ['dlq', 'retry', '--all'],
    ['doctor'],
    ['work', '--as', 'r', '--', 'true'],
  ]) {
    test(`${args.join(' ')} says how to make one`, async ({ bare }) => {
      const ran = await bare.run(...args);
      expect(ran).toMatchObject({
        code: 10,
        stdout: '',
        stderr: `agentq: no agentq workspace in ${bare.cwd} or any folder above it (create one: agentq init)\n`,
      });
      expect(readdirSync(bare.cwd)).toEqual([]);
    });
  }

  test('the folder that was named is named', async ({ bare }) => {
    const { exit, message, hint } = await bare.refused('list', '--dir', 'nowhere');
    expect({ exit, message, hint }).toEqual({
      exit: 10,
      message: `no agentq workspace in ${bare.path('nowhere')}`,
      hint: 'create one: agentq init',
    });
  });

  test('help, version and schemas need none', async ({ bare }) => {
    for (const args of [['--help'], ['--version'], ['submit', '--help'], ['schema', 'submit'], []]) {
      expect(await bare.run(...args)).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

describe('a store that cannot be used', () => {
  test('because its config is no JSON is refused in one line', async ({ q }) => {
    q.write('.agentq/config.json', '{');
    expect(await q.refused('list')).toMatchObject({ exit: 2, message: expect.stringContaining('config.json') });
  });

  for (const [what, config, field] of [
    ['an unknown field', { version: 1, colour: 'red' }, /there is no setting colour$/],
    ['a misspelt field', { version: 1, leese: '5m' }, /no setting leese; did you mean defaults\.lease\?/],
    ['a misspelt field of a role', { version: 1, roles: { r: { leese: '5m' } } }, /did you mean roles\.r\.lease\?/],
    ['a misspelt group', { version: 1, rolls: {} }, /did you mean roles\?/],
    [
      'a number in words',
      { version: 1, defaults: { max_attempts: 'three' } },
      /defaults\.max_attempts must be a number/,
    ],
    ['half an attempt', { version: 1, defaults: { max_attempts: 1.5 } }, /max_attempts must be a whole number/],
    ['no attempt', { version: 1, defaults: { max_attempts: 0 } }, /max_attempts must be more than 0/],
    ['too much jitter', { version: 1, defaults: { backoff: { jitter: 3 } } }, /backoff\.jitter must be at most 1/],
    ['no object', [], /its content must be an object/],
    ['a span that is none', { version: 1, defaults: { lease: 'soon' } }, /defaults\.lease must be a duration/],
    ['a bad role', { version: 1, roles: { 'a b': {} } }, /roles\.a b is not a valid role: letters/],
    ['another version', { version: 2 }, /version must be 1/],
  ] as const) {
    test(`because its config has ${what} is refused, and the place is named`, async ({ q }) => {
      q.write('.agentq/config.json', JSON.stringify(config));
      expect(await q.refused('list')).toMatchObject({
        exit: 2,
        message: expect.stringMatching(field),
        hint: 'see docs/config.md',
      });
    });
  }

  test('because its database is no database has a code of its own', async ({ q }) => {
    for (const name of readdirSync(q.path('.agentq')).filter((one) => one.startsWith('agentq.db')))
      rmSync(q.path('.agentq', name));
    q.write('.agentq/agentq.db', 'This is text, and has never been a database of any kind. '.repeat(100));
    expect(await q.refused('list')).toMatchObject({
      exit: 20,
      code: 'corrupt',
      hint: expect.stringContaining('backup'),
    });
  });

  test('because its database is gone is not replaced by an empty one', async ({ q }) => {
    for (const name of readdirSync(q.path('.agentq')).filter((one) => one.startsWith('agentq.db')))
      rmSync(q.path('.agentq', name));
    expect(await q.refused('list')).toMatchObject({ exit: 20 });
    expect(readdirSync(q.path('.agentq'))).not.toContain('agentq.db');
  });

  test('because another program made it has a code of its own', async ({ q }) => {
    const db = new DatabaseSync(q.path('.agentq/agentq.db'));
    db.exec('PRAGMA application_id = 1');
    db.close();
    expect((await q.refused('list')).exit).toBe(20);
  });

  test('because a newer agentq made it has a code of its own, and says what to do', async ({ q }) => {
    const db = new DatabaseSync(q.path('.agentq/agentq.db'));
    db.exec('PRAGMA user_version = 999');
    db.close();
    expect(await q.refused('list')).toMatchObject({
      exit: 19,
      code: 'newer-schema',
      hint: expect.stringContaining('newer'),
    });
    expect((await q.refused('init')).exit).toBe(19);
  });

  test('because a file is where a folder of the store should be is refused in one line', async ({ q }) => {
    rmSync(q.path('.agentq/tasks'), { recursive: true });
    q.write('.agentq/tasks', 'in the way');
    q.write('context.md', 'background');
    const { code, stderr } = await q.run('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    expect(code).not.toBe(1);
    expect(stderr).toMatch(/^agentq: [^\n]+\n$/);
  });
});

describe('what is made', () => {
  for (const umask of [0o000, 0o022, 0o077]) {
    const mask = umask.toString(8).padStart(3, '0');

    test(`is for its owner alone under umask ${mask}`, ({ bare }) =>
      withUmask(umask, async () => {
        await bare.ok('init');
        await live(bare);
        expect(modes(bare.path('.agentq'))).toEqual({ files: ['600'], folders: ['700'] });
      }));

    test(`is for the group too with --shared under umask ${mask}`, ({ bare }) =>
      withUmask(umask, async () => {
        await bare.ok('init', '--shared');
        await live(bare);
        expect(modes(bare.path('.agentq'))).toEqual({ files: ['660'], folders: ['770'] });
      }));
  }

  test('passes its group on with --shared', async ({ bare }) => {
    await bare.ok('init', '--shared');
    expect(statSync(bare.path('.agentq')).mode & 0o2000).toBe(0o2000);
  });

  test('leaves a folder that was there before as open as it was', async ({ bare }) => {
    mkdirSync(bare.path('home'));
    chmodSync(bare.path('home'), 0o755);
    writeFileSync(bare.path('home/mine'), '');
    await bare.ok('init', '--dir', 'home');
    expect(octal(bare.path('home'))).toBe('755');
  });
});
