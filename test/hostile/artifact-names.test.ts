import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT, test } from '../worker/harness.ts';
import { test as unprivileged } from './support/unprivileged.ts';

/** File names that a file system allows, and the artifact name that is recorded for them. */
const NAMES = [
  ['patch.diff', 'patch'],
  ['-rf', 'rf'],
  ['.env', 'env'],
  ['...', 'file'],
  ['new\nline.md', 'new_line'],
  ['\u001b]0;title\u0007.md', '_0_title_'.slice(1)],
  ['with space.md', 'with_space'],
  ['résumé 👩🏽‍💻.pdf', 'r_sum______'],
  ['..up.md', 'up'],
  ['a'.repeat(200), 'a'.repeat(100)],
] as const;

describe('a file in the artifacts folder', CONCURRENT, () => {
  for (const [file, name] of NAMES) {
    test(`called ${JSON.stringify(file.slice(0, 30))} is recorded as the artifact ${name}`, async ({ q }) => {
      await q.submit('--id', 't');
      const { artifacts_dir } = await q.json<Output<'claim'>>('claim', '--as', 'r');
      writeFileSync(join(artifacts_dir, file), 'content');
      expect(await q.agentq('complete', 't', '--from', 'r')).toMatchObject({ code: 0, stderr: '' });
      const { artifacts } = await q.result('t');
      expect(artifacts).toMatchObject([{ name, size: 7 }]);
      const { stdout } = await q.agentq('doctor', '--json');
      expect((JSON.parse(stdout) as Output<'doctor'>).findings.map(({ subject }) => subject)).not.toContain('t');
    });
  }

  test('gets a unique artifact name if several files would have the same one', async ({ q }) => {
    await q.submit('--id', 't');
    const { artifacts_dir } = await q.json<Output<'claim'>>('claim', '--as', 'r');
    const files = ['a b', 'a\tb', 'a\nb', 'a_b.md', 'a_b.txt'];
    for (const file of files) writeFileSync(join(artifacts_dir, file), file);
    await q.ok('complete', 't', '--from', 'r');
    const { artifacts } = await q.result('t');
    expect(new Set(artifacts.map(({ name }) => name)).size).toBe(files.length);
    expect(artifacts.map(({ size }) => size).toSorted((a, b) => a - b)).toEqual([3, 3, 3, 6, 7]);
  });

  test('with a name that is not UTF-8 is left out with a warning, and the other files are recorded', async ({ q }) => {
    await q.submit('--id', 't');
    const worker = await q.workOff(
      `cd "$AGENTQ_ARTIFACTS_DIR"; echo x > "$(printf 'odd\\377.txt')"; mkdir "$(printf 'sub\\376')"; echo x > good.txt; echo done`,
    );
    expect(worker.stderr).toMatch(/t: left out, because their names are not UTF-8: artifacts\/t\/1\/.*odd/);
    const { artifacts, content } = await q.result('t');
    expect(artifacts.map(({ name }) => name).toSorted()).toEqual(['good', 'log']);
    expect(content).toBe('done\n');
  });

  for (const [kind, make] of [
    ['a link', 'echo x > real.diff; ln -s real.diff patch.diff'],
    ['a FIFO', 'mkfifo patch.diff'],
  ] as const) {
    test(`that is ${kind} is left out with a warning, and the reason of the failure names the file`, async ({ q }) => {
      await q.submit('--id', 't', '--expect', 'patch', '--max-attempts', '1');
      const worker = await q.workOff(`cd "$AGENTQ_ARTIFACTS_DIR"; ${make}; echo done`);
      const named = `left out, because only regular files are kept: artifacts/t/1/patch.diff (${kind})`;
      expect(worker.stderr).toContain(`t: ${named}`);
      expect((await q.task('t')).attempts[0]?.reason).toContain(`missing or empty: patch; ${named}`);
    });
  }

  test('in folders deeper than the longest path fails the attempt, and the worker continues', async ({ q }) => {
    await q.submit('--id', 'deep', '--max-attempts', '1');
    await q.submit('--id', 'next');
    await q.workOff(
      `[ "$AGENTQ_TASK_ID" = deep ] || { echo done; exit 0; }
       cd "$AGENTQ_ARTIFACTS_DIR"; part=$(printf '%0200d' 0); n=0
       while [ $n -lt 30 ]; do mkdir "$part" && cd -P "$part" || exit 1; n=$((n + 1)); done; echo done`,
    );
    expect(await q.task('deep')).toMatchObject({ status: 'failed', reason: expect.stringContaining('ENAMETOOLONG') });
    expect((await q.task('next')).status).toBe('completed');
  });
});

unprivileged('an artifact that is not readable makes complete fail, and the attempt continues', async ({ q }) => {
  await q.submit('--id', 't');
  const { artifacts_dir } = await q.json<Output<'claim'>>('claim', '--as', 'r');
  await q.workOff('true');
  writeFileSync(join(artifacts_dir, 'closed.txt'), 'x');
  chmodSync(join(artifacts_dir, 'closed.txt'), 0o000);
  expect(await q.agentq('complete', 't', '--from', 'r')).toMatchObject({
    code: 12,
    stderr: expect.stringMatching(/^agentq: .*closed\.txt is not readable for this user[^\n]*\n$/),
  });
  expect((await q.task('t')).status).toBe('working');
});
