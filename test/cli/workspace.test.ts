import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** The modes of all files and folders below a folder. */
function modes(folder: string): { files: string[]; folders: string[] } {
  const found = { files: new Set<string>(), folders: new Set([octal(folder)]) };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    found[entry.isDirectory() ? 'folders' : 'files'].add(octal(join(entry.parentPath, entry.name)));
  }
  return { files: [...found.files].toSorted(), folders: [...found.folders].toSorted() };
}
const octal = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** Completes a task, so that every kind of file and folder exists. */
async function completeTask(q: Shell): Promise<void> {
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
  test('creates a workspace in the current folder and prints its path', async ({ bare }) => {
    expect(await bare.run('init')).toMatchObject({ code: 0, stdout: `made the workspace ${bare.path('.agentq')}\n` });
    expect(await bare.submit('t')).toBe('t');
  });

  test('changes nothing the second time', async ({ bare }) => {
    await bare.ok('init');
    await bare.submit('t');
    expect(await bare.ok('init')).toBe(`found the workspace ${bare.path('.agentq')}`);
    expect((await bare.task('t')).status).toBe('queued');
  });

  test('prints the paths and whether it was created with --json', async ({ bare }) => {
    const dir = bare.path('.agentq');
    expect(await bare.json('init')).toEqual({ dir, store: dir, created: true });
    expect(await bare.json('init')).toEqual({ dir, store: dir, created: false });
  });

  test('creates missing folders again', async ({ bare }) => {
    await bare.ok('init');
    for (const folder of ['tasks', 'run', 'bells']) rmSync(bare.path('.agentq', folder), { recursive: true });
    await bare.ok('init');
    expect(readdirSync(bare.path('.agentq'))).toEqual(expect.arrayContaining(['tasks', 'run', 'bells']));
  });

  test('keeps an existing config', async ({ bare }) => {
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

  test('--dir with the folder above a workspace finds that workspace, and creates no second one', async ({ q }) => {
    await q.submit('t');
    expect(await q.json('init', '--dir', q.cwd)).toMatchObject({ dir: q.path('.agentq'), created: false });
    expect(readdirSync(q.cwd)).toEqual(['.agentq']);
    expect((await q.json('list', '--dir', q.cwd)).tasks).toHaveLength(1);
  });

  test('is refused if a file has the name of the folder', async ({ bare }) => {
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
  test('is in the workspace by default', async ({ q }) => {
    await completeTask(q);
    expect(q.stored()).toEqual(['tasks/t.md', 'results/t.md', 'artifacts/t/1/patch.md']);
  });

  test('is at the path of --store for every command', async ({ bare }) => {
    expect((await bare.json('init', '--store', 'evidence')).store).toBe(bare.path('evidence'));
    await completeTask(bare);
    expect(bare.files('evidence')).toEqual(['artifacts/t/1/patch.md', 'results/t.md', 'tasks/t.md']);
    expect(readdirSync(bare.path('.agentq'))).not.toContain('tasks');
    expect(await bare.ok('result', 't')).toBe('background');
  });

  test('may have a path relative to the workspace in the config', async ({ q }) => {
    q.write('.agentq/config.json', JSON.stringify({ version: 1, store: '../evidence' }));
    await q.ok('init');
    await completeTask(q);
    expect(q.files('evidence')).toContain('tasks/t.md');
  });
});

describe('the workspace is found', () => {
  test('in the current folder and in the folders above', async ({ q }) => {
    mkdirSync(q.path('a/b/c'), { recursive: true });
    await q.submit('t');
    expect((await q.with({ cwd: q.path('a/b/c') }).task('t')).status).toBe('queued');
  });

  test('in the nearest of these folders', async ({ q }) => {
    mkdirSync(q.path('inner'));
    const inner = q.with({ cwd: q.path('inner') });
    await inner.ok('init');
    await inner.submit('t');
    expect((await q.json('list')).tasks).toEqual([]);
    expect((await inner.json('list')).tasks).toHaveLength(1);
  });

  test('by --dir, as the workspace or as the folder that contains it', async ({ q }) => {
    await q.submit('t');
    mkdirSync(q.path('elsewhere'));
    const elsewhere = q.with({ cwd: q.path('elsewhere') });
    for (const dir of ['..', '../.agentq', q.cwd, q.path('.agentq')]) {
      expect((await elsewhere.json('list', '--dir', dir)).tasks).toHaveLength(1);
    }
  });

  test('by AGENTQ_DIR, as the workspace or as the folder that contains it', async ({ q }) => {
    await q.submit('t');
    for (const AGENTQ_DIR of [q.cwd, q.path('.agentq')]) {
      expect((await q.with({ cwd: '/', env: { AGENTQ_DIR } }).json('list')).tasks).toHaveLength(1);
    }
  });

  test('by --dir before AGENTQ_DIR, and by AGENTQ_DIR before the search', async ({ q }) => {
    for (const name of ['one', 'two']) {
      await q.ok('init', '--dir', name);
      await q.submit(name, '--dir', name);
    }
    const only = async (shell: Shell, ...more: string[]) => (await shell.json('list', ...more)).tasks[0].task_id;
    const named = q.with({ env: { AGENTQ_DIR: 'one' } });
    expect(await only(named)).toBe('one');
    expect(await only(named, '--dir', 'two')).toBe('two');
  });

  test('by the search if AGENTQ_DIR is empty', async ({ q }) => {
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
    test(`${args.join(' ')} prints how to create one`, async ({ bare }) => {
      const ran = await bare.run(...args);
      expect(ran).toMatchObject({
        code: 10,
        stdout: '',
        stderr: `agentq: no agentq workspace in ${bare.cwd} or any folder above it (create one: agentq init)\n`,
      });
      expect(readdirSync(bare.cwd)).toEqual([]);
    });
  }

  test('the error names the folder of --dir', async ({ bare }) => {
    const { exit, message, hint } = await bare.refused('list', '--dir', 'nowhere');
    expect({ exit, message, hint }).toEqual({
      exit: 10,
      message: `no agentq workspace in ${bare.path('nowhere')}`,
      hint: 'create one: agentq --dir nowhere init',
    });
  });

  test('init says that it declares no roles without a broker', async ({ bare }) => {
    const { code, stderr } = await bare.run('init', '--workers', 'a,b');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^agentq: .*no broker is named: nothing was declared\n$/);
    expect(await bare.run('init')).toMatchObject({ code: 0, stderr: '' });
  });

  test('help COMMAND prints what COMMAND --help prints', async ({ bare }) => {
    for (const command of [[], ['submit'], ['dlq', 'show']])
      expect(await bare.ok('help', ...command)).toBe(await bare.ok(...command, '--help'));
    expect(await bare.ok('help')).toMatch(/^ +torture /m);
  });

  test('help, version and schemas need no workspace', async ({ bare }) => {
    for (const args of [['--help'], ['--version'], ['submit', '--help'], ['schema', 'submit'], []]) {
      expect(await bare.run(...args)).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

describe('a store that cannot be used', () => {
  test('because its config is not JSON is refused in one line', async ({ q }) => {
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
    [
      'a fraction of an attempt',
      { version: 1, defaults: { max_attempts: 1.5 } },
      /max_attempts must be a whole number/,
    ],
    ['no attempt', { version: 1, defaults: { max_attempts: 0 } }, /max_attempts must be more than 0/],
    ['too much jitter', { version: 1, defaults: { backoff: { jitter: 3 } } }, /backoff\.jitter must be at most 1/],
    ['an array', [], /its content must be an object/],
    ['an invalid duration', { version: 1, defaults: { lease: 'soon' } }, /defaults\.lease must be a duration/],
    ['a bad role', { version: 1, roles: { 'a b': {} } }, /roles\.a b is not a valid role: letters/],
    ['another version', { version: 2 }, /version must be 1/],
  ] as const) {
    test(`because its config has ${what} is refused, and the field is named`, async ({ q }) => {
      q.write('.agentq/config.json', JSON.stringify(config));
      expect(await q.refused('list')).toMatchObject({
        exit: 2,
        message: expect.stringMatching(field),
        hint: 'see docs/config.md',
      });
    });
  }

  test('because its database is not a database has its own exit code', async ({ q }) => {
    for (const name of readdirSync(q.path('.agentq')).filter((one) => one.startsWith('agentq.db')))
      rmSync(q.path('.agentq', name));
    q.write('.agentq/agentq.db', 'This is text, and has never been a database of any kind. '.repeat(100));
    expect(await q.refused('list')).toMatchObject({
      exit: 20,
      code: 'corrupt',
      hint: expect.stringContaining('backup'),
    });
  });

  test('because its database is missing is not replaced by an empty one', async ({ q }) => {
    for (const name of readdirSync(q.path('.agentq')).filter((one) => one.startsWith('agentq.db')))
      rmSync(q.path('.agentq', name));
    expect(await q.refused('list')).toMatchObject({ exit: 20 });
    expect(readdirSync(q.path('.agentq'))).not.toContain('agentq.db');
  });

  test('because another program created it has its own exit code', async ({ q }) => {
    const db = new DatabaseSync(q.path('.agentq/agentq.db'));
    db.exec('PRAGMA application_id = 1');
    db.close();
    expect((await q.refused('list')).exit).toBe(20);
  });

  test('because a newer agentq created it has its own exit code and a hint', async ({ q }) => {
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

  test('because a file is in the place of a folder is refused in one line', async ({ q }) => {
    rmSync(q.path('.agentq/tasks'), { recursive: true });
    q.write('.agentq/tasks', 'in the way');
    q.write('context.md', 'background');
    const { code, stderr } = await q.run('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    expect(code).not.toBe(1);
    expect(stderr).toMatch(/^agentq: [^\n]+\n$/);
  });
});

describe('a new workspace', () => {
  for (const umask of [0o000, 0o022, 0o077]) {
    const mask = umask.toString(8).padStart(3, '0');

    test(`is accessible only for its owner under umask ${mask}`, ({ bare }) =>
      withUmask(umask, async () => {
        await bare.ok('init');
        await completeTask(bare);
        expect(modes(bare.path('.agentq'))).toEqual({ files: ['600'], folders: ['700'] });
      }));

    test(`is accessible for the group with --shared under umask ${mask}`, ({ bare }) =>
      withUmask(umask, async () => {
        await bare.ok('init', '--shared');
        await completeTask(bare);
        expect(modes(bare.path('.agentq'))).toEqual({ files: ['660'], folders: ['770'] });
      }));
  }

  test('has the setgid bit with --shared', async ({ bare }) => {
    await bare.ok('init', '--shared');
    expect(statSync(bare.path('.agentq')).mode & 0o2000).toBe(0o2000);
  });

  test('keeps the mode of an existing folder', async ({ bare }) => {
    mkdirSync(bare.path('home'));
    chmodSync(bare.path('home'), 0o755);
    writeFileSync(bare.path('home/mine'), '');
    await bare.ok('init', '--dir', 'home');
    expect(octal(bare.path('home'))).toBe('755');
  });
});
