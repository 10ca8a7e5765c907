import { existsSync } from 'node:fs';
import { expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';
import { idsIn, killReader, LONG_SUMMARY } from './support/inbox-reader.ts';
import { runOnFullDisk, runProgram, runUnread } from './support/program.ts';

const test = base.extend<Shells>(fixtures);

/** @returns the ids of so many tasks whose messages wait */
async function completed(q: Shell, count: number, summary = 'done'): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, n) => `t${String(n).padStart(2, '0')}`);
  for (const id of ids) {
    await q.submit(id);
    await q.ok('complete', id, '--from', 'r', '--summary', summary);
  }
  return ids;
}

test('four at once are shown every message once in all', async ({ q }) => {
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

test('what a reader that went away was shown is shown again at once', async ({ q }) => {
  const ids = await completed(q, 3);
  expect((await runUnread({ cwd: q.cwd }, 'inbox')).code).toBe(0);
  expect(idsIn([(await runProgram({ cwd: q.cwd }, 'inbox', '--json')).stdout])).toEqual(ids);
});

test.skipIf(!existsSync('/dev/full'))('what did not fit on the disk is shown again at once', async ({ q }) => {
  const ids = await completed(q, 3);
  expect((await runOnFullDisk({ cwd: q.cwd }, 'inbox')).code).toBe(22);
  expect(idsIn([(await runProgram({ cwd: q.cwd }, 'inbox', '--json')).stdout])).toEqual(ids);
});

test('what a killed reader was shown is hidden for a while, and then shown again', async ({ q }) => {
  const ids = await completed(q, 12, LONG_SUMMARY);
  await killReader({ cwd: q.cwd });
  expect((await runProgram({ cwd: q.cwd }, 'inbox')).code).toBe(9);
  expect((await runProgram({ cwd: q.cwd }, 'inbox', '--keep')).code).toBe(9);
  // The clock of the shell is months ahead.
  expect(idsIn([await q.ok('inbox', '--json')])).toEqual(ids);
  expect((await q.run('inbox')).code).toBe(9);
});
