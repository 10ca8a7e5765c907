import { existsSync } from 'node:fs';
import { expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';
import { idsIn, killReader, LONG_SUMMARY } from './support/inbox-reader.ts';
import { runOnFullDisk, runProgram, runUnread } from './support/program.ts';

const test = base.extend<Shells>(fixtures);

/** Completes this many tasks, so that their messages wait. @returns their ids */
async function completed(q: Shell, count: number, summary = 'done'): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, n) => `t${String(n).padStart(2, '0')}`);
  for (const id of ids) {
    await q.submit(id);
    await q.ok('complete', id, '--from', 'r', '--summary', summary);
  }
  return ids;
}

test('of four readers at once, exactly one is shown each message', async ({ q }) => {
  const ids = await completed(q, 20);
  for (let left = ids; left.length > 0;) {
    const readers = await Promise.all(
      Array.from({ length: 4 }, () => runProgram({ cwd: q.cwd }, 'inbox', '--json', '--limit', '3')),
    );
    for (const { code } of readers) expect(code).toBeOneOf([0, 9]);
    const shown = idsIn(readers.map(({ stdout }) => stdout));
    expect(shown.toSorted()).toEqual(left.slice(0, shown.length));
    left = left.slice(shown.length);
  }
  expect((await runProgram({ cwd: q.cwd }, 'inbox')).code).toBe(9);
});

test('messages are shown again at once if their reader closed its output', async ({ q }) => {
  const ids = await completed(q, 3);
  expect((await runUnread({ cwd: q.cwd }, 'inbox')).code).toBe(0);
  expect(idsIn([(await runProgram({ cwd: q.cwd }, 'inbox', '--json')).stdout])).toEqual(ids);
});

test.skipIf(!existsSync('/dev/full'))(
  'messages are shown again at once if the disk of their reader was full',
  async ({ q }) => {
    const ids = await completed(q, 3);
    expect((await runOnFullDisk({ cwd: q.cwd }, 'inbox')).code).toBe(22);
    expect(idsIn([(await runProgram({ cwd: q.cwd }, 'inbox', '--json')).stdout])).toEqual(ids);
  },
);

test('messages of a killed reader are hidden for a while, and then shown again', async ({ q }) => {
  const ids = await completed(q, 12, LONG_SUMMARY);
  await killReader({ cwd: q.cwd });
  expect((await runProgram({ cwd: q.cwd }, 'inbox')).code).toBe(9);
  expect((await runProgram({ cwd: q.cwd }, 'inbox', '--keep')).code).toBe(9);
  // The clock of the shell is months ahead.
  expect(idsIn([await q.ok('inbox', '--json')])).toEqual(ids);
  expect((await q.run('inbox')).code).toBe(9);
});
