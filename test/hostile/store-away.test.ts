import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { CONCURRENT, type Sandbox, test, until } from '../worker/harness.ts';

const HERE = ['--dir', 'w'] as const;

/** A workspace in `w` with a store in `store`, which is the root of another disk, and a task with a context. */
async function stored(q: Sandbox): Promise<void> {
  await q.ok('init', '--dir', 'w', '--store', 'store');
  q.write('context.md', 'background');
  await q.ok('submit', ...HERE, '--to', 'r', '--id', 'before', '--file', 'context.md');
}

/** Replaces the store by an empty folder, like the mount point of an unmounted disk. */
function unmount(q: Sandbox): void {
  renameSync(q.path('store'), q.path('disk'));
  mkdirSync(q.path('store'));
}

function mount(q: Sandbox): void {
  rmSync(q.path('store'), { recursive: true });
  renameSync(q.path('disk'), q.path('store'));
}

const idIn = (q: Sandbox, path: string) => (JSON.parse(readFileSync(q.path(path), 'utf8')) as { id: string }).id;

/** Removes the files that an older version does not have. */
function makeOlder(q: Sandbox): void {
  rmSync(q.path('w/store.json'));
  rmSync(q.path('store/.agentq-store'));
}

describe('a store that is away', CONCURRENT, () => {
  for (const [what, args] of [
    ['submit', ['submit', '--to', 'r', '--id', 'new', '--file', 'context.md']],
    ['claim', ['claim', '--as', 'r']],
    ['complete', ['complete', 'before', '--from', 'r', '--summary', 'done']],
    ['complete with a result', ['complete', 'before', '--from', 'r', '--result-file', 'context.md']],
    ['init', ['init']],
  ] as const) {
    test(`is not created again by ${what}, which prints an error and changes nothing`, async ({ q }) => {
      await stored(q);
      unmount(q);
      const { code, stderr } = await q.agentq(...args, ...HERE);
      expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringMatching(/^agentq: .+mounted\?.*\n$/) });
      expect(readdirSync(q.path('store'))).toEqual([]);
      mount(q);
      const { tasks } = await q.json<{ tasks: { task_id: string; status: string; attempts: unknown[] }[] }>(
        'list',
        ...HERE,
      );
      expect(tasks).toMatchObject([{ task_id: 'before', status: 'queued', attempts: [] }]);
    });
  }

  test('ends the worker, and no attempt counts', async ({ q }) => {
    await stored(q);
    unmount(q);
    const { code, stderr } = await q.agentq('work', ...HERE, '--as', 'r', '--until-empty', '--', 'true');
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringContaining('the store is missing') });
    expect(readdirSync(q.path('store'))).toEqual([]);
    mount(q);
    await q.ok('work', ...HERE, '--as', 'r', '--until-empty', '--', 'cat');
    expect(await q.ok('result', ...HERE, 'before')).toBe('background');
  });

  for (const exit of [0, 1]) {
    test(`while a child runs that then ends with ${exit} costs no attempt`, async ({ q }) => {
      await stored(q);
      const script = `echo x > "$OUT/begun"; until [ -e "$OUT/go" ]; do sleep 0.05; done; echo done; exit ${exit}`;
      const working = q.agentq('work', ...HERE, '--as', 'r', '--until-empty', '--', '/bin/sh', '-c', script);
      await until('the child to begin', () => q.has('begun'));
      unmount(q);
      q.write('go');
      // The worker retries a store that is not writable for some time, because the disk may be full.
      expect((await working).code).toBe(22);
      expect(readdirSync(q.path('store'))).toEqual([]);
      mount(q);
      const { task } = await q.json<{ task: object }>('show', ...HERE, 'before');
      expect(task).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
    });
  }

  test('is one finding of doctor, without a drift of its files', async ({ q }) => {
    await stored(q);
    unmount(q);
    expect(await q.agentq('doctor', ...HERE)).toMatchObject({
      code: 24,
      stdout: expect.stringMatching(/^problem {3}.*store: the store is missing[^\n]*\n$/),
    });
    expect((await q.agentq('result', ...HERE, 'before')).code).toBe(23);
  });

  test('is no drift of a result', async ({ q }) => {
    await stored(q);
    await q.ok('complete', ...HERE, 'before', '--from', 'r', '--result-file', 'context.md');
    unmount(q);
    expect((await q.agentq('result', ...HERE, 'before')).code).toBe(22);
  });

  test('is no drift of a task', async ({ q }) => {
    await stored(q);
    unmount(q);
    const { code, stdout, stderr } = await q.agentq('status', ...HERE, 'before');
    expect({ code, stdout, stderr }).toEqual({
      code: 22,
      stdout: expect.not.stringMatching(/drift|missing/),
      stderr: expect.stringContaining('the store is missing'),
    });
    expect((await q.agentq('status', ...HERE, 'before', '--json')).stdout).toContain('"drift":[]');
  });

  test('is distinguished from another store at its place', async ({ q }) => {
    await stored(q);
    renameSync(q.path('store'), q.path('disk'));
    await q.ok('init', '--dir', 'other', '--store', 'store');
    expect(await q.agentq('complete', ...HERE, 'before', '--from', 'r', '--summary', 'done')).toMatchObject({
      code: 22,
      stderr: expect.stringContaining('another store lies there'),
    });
    expect((await q.agentq('init', ...HERE)).code).toBe(22);
  });
});

describe('a store that is away before it contains evidence', CONCURRENT, () => {
  for (const tasks of [0, 1]) {
    test(`is not created again by init: ${tasks} tasks`, async ({ q }) => {
      await q.ok('init', '--dir', 'w', '--store', 'store');
      if (tasks > 0) await q.ok('submit', ...HERE, '--to', 'r', '--instructions', 'x');
      unmount(q);
      const { code, stderr } = await q.agentq('init', ...HERE);
      expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringContaining('the store is missing') });
      expect(readdirSync(q.path('store'))).toEqual([]);
      mkdirSync(q.path('store/tasks'));
      await q.ok('init', ...HERE);
      expect(idIn(q, 'store/.agentq-store')).toBe(idIn(q, 'w/store.json'));
    });
  }
});

describe('the marker of a store', CONCURRENT, () => {
  test('is the same for all workspaces that share it', async ({ q }) => {
    await stored(q);
    await q.ok('init', '--dir', 'second', '--store', 'store');
    const ids = ['store/.agentq-store', 'w/store.json', 'second/store.json'].map((path) => idIn(q, path));
    expect(new Set(ids).size).toBe(1);
  });

  test('is created by init in an older store that contains recorded evidence', async ({ q }) => {
    await stored(q);
    makeOlder(q);
    expect((await q.agentq('doctor', ...HERE)).stdout).toContain('the store has no marker');
    await q.ok('init', ...HERE);
    expect(idIn(q, 'store/.agentq-store')).toBe(idIn(q, 'w/store.json'));
    expect((await q.agentq('doctor', ...HERE)).stdout).not.toContain('the store has no marker');
  });

  test('is not created for an older workspace in an empty folder', async ({ q }) => {
    await stored(q);
    makeOlder(q);
    unmount(q);
    expect((await q.agentq('init', ...HERE)).stderr).toContain('the store has no marker');
    expect((await q.agentq('complete', ...HERE, 'before', '--from', 'r', '--summary', 'x')).code).toBe(22);
    expect(readdirSync(q.path('store'))).toEqual([]);
    expect(existsSync(q.path('w/store.json'))).toBe(false);
  });

  test('is not created for an older workspace if the evidence files have other content', async ({ q }) => {
    await stored(q);
    makeOlder(q);
    writeFileSync(q.path('store/tasks/before.md'), 'other content');
    expect((await q.agentq('init', ...HERE)).stderr).toContain('the store has no marker');
    expect(existsSync(q.path('store/.agentq-store'))).toBe(false);
  });

  test('is created again in a copy without it, with the id in the workspace', async ({ q }) => {
    await stored(q);
    const id = idIn(q, 'w/store.json');
    renameSync(q.path('store'), q.path('disk'));
    for (const folder of ['tasks', 'results', 'artifacts'])
      cpSync(q.path('disk', folder), q.path('store', folder), { recursive: true });
    expect((await q.agentq('claim', ...HERE, '--as', 'r')).code).toBe(22);
    await q.ok('init', ...HERE);
    expect(idIn(q, 'store/.agentq-store')).toBe(id);
    await q.ok('claim', ...HERE, '--as', 'r');
  });
});
