import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';
import { runOnFullDisk, runUnread } from './support/program.ts';

const test = base.extend<Shells>(fixtures);

const EIGHT = Array.from({ length: 8 }, (_, i) => `c${i + 1}`);

/** Tasks in every state that a command reports with its exit code. */
async function prepare(q: Shell): Promise<void> {
  for (const id of EIGHT) await q.submit(id);
  for (const id of ['failed1', 'failed2', 'failed3']) {
    await q.submit(id);
    await q.ok('fail', id, '--from', 'r', '--reason', 'no');
  }
  await q.submit('drifted');
  await q.ok('complete', 'drifted', '--from', 'r', '--result-file', q.write('out.md', 'right'));
  writeFileSync(q.path('.agentq/results/drifted.md'), 'wrong');
}

/** A command, its normal exit code, and a check of its effect. */
interface Case {
  readonly args: readonly string[];
  readonly code: number;
  readonly done?: (q: Shell) => Promise<void>;
}

const WORKER = ['work', '--as', 'r', '--until-empty', '--json', '--', 'true'];

const all = (ids: readonly string[], status: string) => async (q: Shell) => {
  const tasks = await Promise.all(ids.map((id) => q.task(id)));
  expect(tasks.map((task) => task.status)).toEqual(ids.map(() => status));
};

const cases: readonly Case[] = [
  { args: ['cancel', ...EIGHT], code: 0, done: all(EIGHT, 'cancelled') },
  { args: ['cancel', ...EIGHT, '--json'], code: 0, done: all(EIGHT, 'cancelled') },
  { args: ['dlq', 'retry', '--all'], code: 0, done: all(['failed1', 'failed2', 'failed3'], 'queued') },
  {
    args: ['dlq', 'purge', 'failed1', 'failed2', 'failed3'],
    code: 0,
    done: async (q) => expect((await q.json('dlq')).tasks).toEqual([]),
  },
  { args: ['cancel', 'c1', 'no-such', 'c2'], code: 3, done: all(['c1'], 'cancelled') },
  { args: ['wait', 'failed1', '--json'], code: 6 },
  { args: ['wait', 'failed1', 'failed2'], code: 6 },
  { args: ['wait', 'c1', '--timeout', '0s', '--json'], code: 8 },
  { args: ['status', 'drifted'], code: 16 },
  { args: ['status', 'drifted', '--json'], code: 16 },
  { args: ['doctor'], code: 24 },
  { args: ['doctor', '--json'], code: 24 },
  { args: ['list'], code: 0 },
  { args: ['--help'], code: 0 },
];

describe('a reader that closed the output', () => {
  for (const { args, code, done } of cases) {
    test(`changes neither the effect nor the exit code of ${args.join(' ')}`, async ({ q }) => {
      await prepare(q);
      const ran = await runUnread({ cwd: q.cwd }, ...args);
      expect(ran).toMatchObject({ code });
      expect(ran.stderr).not.toMatch(/EPIPE|\n {4}at /);
      await done?.(q);
    });
  }

  test('does not end a worker', async ({ q }) => {
    await prepare(q);
    const ran = await runUnread({ cwd: q.cwd }, ...WORKER);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    await all(EIGHT, 'completed')(q);
  });

  test('does not remove messages from the inbox', async ({ q }) => {
    await prepare(q);
    const before = (await q.json('inbox', '--keep')).messages;
    await runUnread({ cwd: q.cwd }, 'inbox');
    expect((await q.json('inbox', '--keep')).messages).toEqual(before);
  });
});

describe.skipIf(!existsSync('/dev/full'))('standard output on a full disk', () => {
  for (const { args, code, done } of cases) {
    test(`is reported after the work of ${args.join(' ')}`, async ({ q }) => {
      await prepare(q);
      const ran = await runOnFullDisk({ cwd: q.cwd }, ...args);
      expect(ran.code).toBe(code === 0 ? 22 : code);
      expect(ran.stderr).toMatch(/standard output: .*ENOSPC/);
      expect(ran.stderr).not.toMatch(/\n {4}at /);
      await done?.(q);
    });
  }

  test('is reported once by a worker, which continues', async ({ q }) => {
    await prepare(q);
    const { code, stderr } = await runOnFullDisk({ cwd: q.cwd }, ...WORKER);
    expect({ code, reports: stderr.match(/ENOSPC/g) }).toEqual({ code: 0, reports: ['ENOSPC'] });
    await all(EIGHT, 'completed')(q);
  });
});
