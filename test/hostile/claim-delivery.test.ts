import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { fixtures, type Shells } from '../cli/harness.ts';
import { diskOfInodes } from './support/mounts.ts';
import { ended, runOnFullDisk, runProgram, runUnread, startScript } from './support/program.ts';
import { test as unprivileged } from './support/unprivileged.ts';

const test = base.extend<Shells>(fixtures);

/** Runs the program with a standard output that is not writable. */
const runReadOnly = (options: { readonly cwd: string }, ...args: string[]) =>
  ended(startScript('exec "$0" "$@" 1< /dev/null', args, options));

const outputs = [
  { what: 'whose reader has closed it', run: runUnread, available: true },
  { what: 'on a full disk', run: runOnFullDisk, available: existsSync('/dev/full') },
  { what: 'that is not open for writing', run: runReadOnly, available: true },
] as const;

const forms = [['--json'], [], ['--wait', '10s']] as const;

describe.for(outputs.filter(({ available }) => available))('a claim with a standard output $what', ({ run }) => {
  test.for(forms)('returns the task: %s', async (form, { q }) => {
    await q.submit('t');
    const { code, stderr } = await run({ cwd: q.cwd }, 'claim', '--as', 'r', ...form);
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringContaining('t was returned to the queue') });
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(await q.task('t')).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
  });

  test('still ends with the exit code for no task', async ({ q }) => {
    const { code } = await run({ cwd: q.cwd }, 'claim', '--as', 'r');
    expect(code).toBe(9);
  });
});

describe('a claim in a store that is not writable', () => {
  unprivileged.for(forms)('does not change the task: %s', async (form, { q }) => {
    const id = await q.submit();
    chmodSync(q.path('.agentq/artifacts'), 0o555);
    const { code, stderr } = await q.agentq('claim', '--as', 'r', ...form);
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringContaining('EACCES') });
    expect(await q.task(id)).toMatchObject({ status: 'queued', attempts: [] });
  });
});

test('a claim in a store without free inodes does not change the task', async ({ q, skip }) => {
  const disk = diskOfInodes(40);
  skip(disk === undefined, 'the user of the tests may not mount');
  await q.ok('init', '--dir', 'other', '--store', disk!);
  await q.ok('submit', '--dir', 'other', '--to', 'r', '--id', 't', '--instructions', 'x');
  expect(() => {
    for (let n = 0; n < 100; n++) writeFileSync(`${disk}/${n}`, '');
  }).toThrow('ENOSPC');
  const { exit, message } = await q.refused('claim', '--dir', 'other', '--as', 'r');
  expect({ exit, message }).toEqual({ exit: 22, message: expect.stringContaining('ENOSPC') });
  const { task } = await q.json('show', 't', '--dir', 'other');
  expect(task).toMatchObject({ status: 'queued', attempts: [] });
});

describe('a claim whose artifacts folder cannot be created', () => {
  test('returns the task and prints the reason', async ({ q }) => {
    await q.submit('t');
    writeFileSync(q.path('.agentq/artifacts/t'), 'in the way');
    const { exit, message } = await q.refused('claim', '--as', 'r');
    expect(exit).toBeGreaterThan(9);
    expect(message).toMatch(/artifacts\/t.*t was returned to the queue$/);
    expect(await q.task('t')).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
  });

  test('does not block the other tasks of the role', async ({ q }) => {
    await q.submit('t');
    await q.submit('next');
    writeFileSync(q.path('.agentq/artifacts/t'), 'in the way');
    const codes: number[] = [];
    for (let n = 0; n < 4; n++) codes.push((await q.run('claim', '--as', 'r')).code);
    expect(codes.map((code) => code === 0)).toEqual([false, false, false, true]);
    expect((await q.task('next')).status).toBe('working');
  });
});

test('a claim whose reader closes the output after the first line keeps its lease', async ({ q }) => {
  for (let n = 0; n < 5; n++) await q.submit(`t${n}`, '--instructions', 'several\nlines');
  for (let n = 0; n < 5; n++) {
    await ended(startScript('"$0" "$@" | { read -r first; exec 0<&-; }', ['claim', '--as', 'r'], { cwd: q.cwd }));
  }
  const { stdout } = await runProgram({ cwd: q.cwd }, 'list', '--json');
  const { tasks } = JSON.parse(stdout) as Output<'list'>;
  expect(tasks.map(({ status, attempts }) => [status, attempts.length])).toEqual(tasks.map(() => ['working', 1]));
  expect(tasks).toHaveLength(5);
});

test('a claim leaves no file of its test of the store', async ({ q }) => {
  mkdirSync(q.path('.agentq/artifacts/kept'));
  await q.run('claim', '--as', 'r');
  expect(readdirSync(q.path('.agentq/artifacts'))).toEqual(['kept']);
});
