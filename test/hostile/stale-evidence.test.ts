import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT, type Sandbox, test } from '../worker/harness.ts';

/** Creates files in the places of the first attempt of the task `t`, as a task `t` of an older database leaves them. */
function plant(q: Sandbox, ...names: string[]): void {
  for (const name of names) {
    mkdirSync(dirname(q.path('.agentq', name)), { recursive: true });
    const path = q.write(`.agentq/${name}`, 'stale');
    // A time in the future, so that the files look newer than the claim.
    const future = new Date('2099-01-01');
    utimesSync(path, future, future);
  }
}

const PLACES = ['results/t.md', 'artifacts/t/1/patch.diff', 'artifacts/t/1/deep/inside.txt', 'artifacts/t/notes.md'];

describe('files from before the attempt', CONCURRENT, () => {
  test('are no result and no artifacts of a task that was not claimed', async ({ q }) => {
    await q.submit('--id', 't');
    plant(q, ...PLACES);
    const { code, stderr } = await q.agentq('complete', 't', '--from', 'r', '--summary', 'new');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('no worker has claimed the task') });
    expect(await q.task('t')).toMatchObject({ status: 'completed', artifacts: [] });
    expect(await q.result('t')).not.toHaveProperty('content');
  });

  test('do not count as expected artifacts', async ({ q }) => {
    await q.submit('--id', 't', '--expect', 'patch');
    plant(q, ...PLACES);
    expect((await q.agentq('complete', 't', '--from', 'r', '--summary', 'new')).code).toBe(15);
    await q.ok('claim', '--as', 'r');
    expect((await q.agentq('complete', 't', '--from', 'r', '--summary', 'new')).code).toBe(15);
    expect((await q.task('t')).status).toBe('working');
  });

  test('are left out of a claimed attempt, and files that it writes in their places are recorded', async ({ q }) => {
    await q.submit('--id', 't', '--expect', 'patch');
    plant(q, ...PLACES);
    const { result_file, artifacts_dir } = await q.json<Output<'claim'>>('claim', '--as', 'r');
    writeFileSync(`${artifacts_dir}/patch.diff`, 'written by the attempt');
    const { code, stderr } = await q.agentq('complete', 't', '--from', 'r', '--summary', 'new');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('results/t.md is left out') });
    expect(await q.task('t')).toMatchObject({ status: 'completed', artifacts: [{ name: 'patch', size: 22 }] });
    // The only artifact is printed, not the old result file.
    expect(await q.result('t')).toMatchObject({ content: 'written by the attempt' });
    expect(result_file).toBe(q.path('.agentq/results/t.md'));
  });

  test('are evidence if the command names them', async ({ q }) => {
    await q.submit('--id', 't', '--expect', 'patch');
    plant(q, ...PLACES);
    const [result, patch] = PLACES.map((name) => q.path('.agentq', name));
    await q.ok('complete', 't', '--from', 'r', '--result-file', result!, '--artifact', `patch=${patch!}`);
    expect(await q.result('t')).toMatchObject({ content: 'stale', artifacts: [{ name: 'patch' }] });
  });

  test('are no evidence of a child of a worker', async ({ q }) => {
    await q.submit('--id', 't', '--expect', 'patch', '--max-attempts', '1');
    plant(q, ...PLACES, 'run/t~1/result.md', 'run/t~1/stdout');
    await q.workOff('exit 0');
    expect(await q.task('t')).toMatchObject({ status: 'failed', reason: expect.stringContaining('patch') });
    await q.submit('--id', 'u');
    plant(q, 'run/u~1/result.md', 'run/u~1/stdout', 'results/u.md');
    await q.workOff('exit 0');
    expect(await q.result('u')).not.toHaveProperty('content');
  });
});

test('a file that an agent wrote at the path in its claim is its result', async ({ q }) => {
  await q.submit('--id', 't');
  const { result_file, artifacts_dir } = await q.json<Output<'claim'>>('claim', '--as', 'r');
  writeFileSync(result_file, 'written there');
  writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
  expect(await q.agentq('complete', 't', '--from', 'r')).toMatchObject({ code: 0, stderr: '' });
  expect(await q.result('t')).toMatchObject({ content: 'written there', artifacts: [{ name: 'patch' }] });
});

test('a second attempt does not record the files of the first one', async ({ q }) => {
  await q.submit('--id', 't');
  const first = await q.json<Output<'claim'>>('claim', '--as', 'r', '--worker', 'one');
  writeFileSync(first.result_file, 'of the first');
  await q.ok('release', 't', '--attempt', '1');
  await q.ok('claim', '--as', 'r', '--worker', 'two');
  await q.ok('complete', 't', '--attempt', '2', '--summary', 'done');
  expect(await q.result('t')).not.toHaveProperty('content');
});
