import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test as base } from 'vitest';
import { type Ended, PROGRAM, runProgram } from '../hostile/support/program.ts';
import { fixtures, type Shells } from './harness.ts';

interface Copied extends Shells {
  /** Runs a copy of the program with a separate cache. */
  run: (verb: string, ...more: string[]) => Promise<Ended>;
  /** The cached verbs. */
  verbs: () => string[];
  /** The path of the cache of a verb. */
  cacheOf: (verb: string) => string;
}

const test = base.extend<Copied>({
  ...fixtures,
  run: async ({ q }, use) => {
    for (const part of ['bin', 'dist'])
      cpSync(join(dirname(dirname(PROGRAM)), part), q.path('program', part), { recursive: true });
    const program = q.path('program/bin/agentq.cjs');
    await use((...args) => runProgram({ cwd: q.cwd, program, env: { HOME: q.cwd } }, ...args));
  },
  cacheOf: ({ q }, use) => use((verb) => join(folderIn(q.path('.cache/agentq/compile-cache')) ?? q.path('none'), verb)),
  verbs: ({ cacheOf }, use) =>
    use(() => (existsSync(cacheOf('.')) ? readdirSync(cacheOf('.')).filter((name) => !name.includes('.')) : [])),
});

/** The one folder in a folder; undefined if there is none. */
function folderIn(folder: string): string | undefined {
  return existsSync(folder) ? join(folder, readdirSync(folder)[0] ?? 'none') : undefined;
}

const succeeded = { code: 0 };

test('each verb has one file, which a later process does not write again', async ({ run, verbs, cacheOf }) => {
  expect(await run('list')).toMatchObject(succeeded);
  expect(await run('status')).toMatchObject(succeeded);
  expect(verbs().toSorted()).toEqual(['list', 'status']);
  const first = readFileSync(cacheOf('list'));
  expect(await run('list')).toMatchObject(succeeded);
  expect(readFileSync(cacheOf('list')).equals(first)).toBe(true);
});

test('two ways of a verb that load different files do not replace the code of each other', async ({
  q,
  run,
  cacheOf,
}) => {
  writeFileSync(q.path('rows.jsonl'), '{"to":"a","instructions":"x"}\n');
  const ways = [
    ['--batch', 'rows.jsonl'],
    ['--to', 'a', '--instructions', 'x', '--idempotency-key', 'k'],
  ];
  for (const way of ways) expect(await run('submit', ...way)).toMatchObject(succeeded);
  const both = readFileSync(cacheOf('submit'));
  for (const way of ways) await run('submit', ...way);
  expect(readFileSync(cacheOf('submit')).equals(both)).toBe(true);
});

test('a command that fails writes none', async ({ run, verbs }) => {
  expect((await run('lst')).code).not.toBe(0);
  expect((await run('result', 'task-1')).code).not.toBe(0);
  expect(verbs()).toEqual([]);
});

test('a file that is truncated or not a cache is replaced', async ({ run, cacheOf }) => {
  await run('list');
  const { length } = readFileSync(cacheOf('list'));
  for (const damage of [
    (file: string) => truncateSync(file, Math.floor(length / 2)),
    (file: string) => truncateSync(file, 0),
    (file: string) => writeFileSync(file, '[]\n'),
    (file: string) => writeFileSync(file, '{"name":1}\n'),
  ]) {
    damage(cacheOf('list'));
    expect(await run('list')).toMatchObject(succeeded);
    expect(readFileSync(cacheOf('list')).length).toBeGreaterThan(length / 2);
  }
});

test('another program of the same length in the same place does not run the code of the first', async ({ q, run }) => {
  await run('list');
  expect((await run('list', '--help')).stdout).toContain('Global options');
  const file = q.path('program/dist/agentq.cjs');
  const code = readFileSync(file, 'utf8')
    .replace(/\n\/\/\w{32}\n$/, '')
    .replace('Global options', 'Common options');
  const stamp = createHash('sha256').update(code).digest('hex').slice(0, 32);
  writeFileSync(file, `${code}\n//${stamp}\n`);
  expect((await run('list', '--help')).stdout).toContain('Common options');
});

test('a long command writes its cache before it ends', async ({ q, run, verbs }) => {
  const waiting = run('inbox', '--as', 'coordinator', '--wait', '20s');
  await expect.poll(verbs, { timeout: 15_000, interval: 50 }).toContain('inbox');
  await q.ok('submit', '--to', 'a', '--id', 't1', '--instructions', 'x');
  await q.ok('complete', 't1', '--from', 'a', '--summary', 'done');
  expect((await waiting).stdout).toContain('t1');
});
