import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { CONCURRENT, type Sandbox, test } from '../worker/harness.ts';

const SECRET = 'the first line of a file that does not belong to the task';

/** A file and a folder outside of the workspace. */
function outside(q: Sandbox): { readonly file: string; readonly folder: string } {
  mkdirSync(q.path('outside'));
  return { file: q.write('secret.txt', SECRET), folder: q.path('outside') };
}

/** Every file of the store that contains the secret. */
function leaked(q: Sandbox): string[] {
  return readdirSync(q.path('.agentq'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^(?!.*\.db).*$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .filter((path) => readFileSync(path, 'utf8').includes(SECRET));
}

describe('links that a child leaves', CONCURRENT, () => {
  for (const [what, script] of [
    ['as its result', 'ln -s "$OUT/secret.txt" "$AGENTQ_RESULT_FILE"'],
    ['as its result, to a fifo', 'mkfifo "$OUT/fifo"; ln -s "$OUT/fifo" "$AGENTQ_RESULT_FILE"'],
    ['as its artifacts folder', 'rmdir "$AGENTQ_ARTIFACTS_DIR"; ln -s "$OUT/outside" "$AGENTQ_ARTIFACTS_DIR"'],
    [
      'as the folder of its task',
      'task=$(dirname "$AGENTQ_ARTIFACTS_DIR"); rm -rf "$task"; ln -s "$OUT/outside" "$task"; mkdir "$OUT/outside/1"',
    ],
  ] as const) {
    test(`${what} fail its attempt`, async ({ q }) => {
      const { folder } = outside(q);
      const id = await q.submit('--max-attempts', '1');
      await q.workOff(`echo done; ${script}`);
      expect(await q.task(id)).toMatchObject({ status: 'failed', attempts: [{ outcome: 'failed' }] });
      expect(leaked(q)).toEqual([]);
      expect(readdirSync(folder).filter((name) => name !== '1')).toEqual([]);
      if (existsSync(`${folder}/1`)) expect(readdirSync(`${folder}/1`)).toEqual([]);
    });
  }

  test('in the place of its log are not followed', async ({ q }) => {
    outside(q);
    const id = await q.submit();
    await q.workOff('echo done; ln -sf "$OUT/secret.txt" "$(dirname "$AGENTQ_RESULT_FILE")/log.txt"');
    expect(await q.task(id)).not.toMatchObject({ status: 'working' });
    expect(leaked(q)).toEqual([]);
  });

  test('in its artifacts folder are no artifacts', async ({ q }) => {
    outside(q);
    const id = await q.submit('--expect', 'secret', '--max-attempts', '1');
    await q.workOff('ln -s "$OUT/secret.txt" "$AGENTQ_ARTIFACTS_DIR/secret.txt"');
    expect(await q.task(id)).toMatchObject({ status: 'failed' });
    expect(leaked(q)).toEqual([]);
  });

  test('that are hard links do not connect the evidence with the other file', async ({ q }) => {
    const id = await q.submit();
    q.write('cache.txt', 'content');
    await q.workOff('ln "$OUT/cache.txt" "$AGENTQ_ARTIFACTS_DIR/patch.txt"; ln "$OUT/cache.txt" "$AGENTQ_RESULT_FILE"');
    writeFileSync(q.path('cache.txt'), 'changed later');
    const { content, artifacts } = await q.result(id);
    expect({ content, artifacts }).toMatchObject({ content: 'content', artifacts: [{ name: 'patch', size: 7 }] });
  });
});

describe('a link in the store', CONCURRENT, () => {
  test('in the place of the folder of a task is not followed', async ({ q }) => {
    const { folder } = outside(q);
    await q.submit('--id', 't');
    symlinkSync(folder, q.path('.agentq/artifacts/t'));
    const file = q.write('patch.diff', 'a patch');
    const completing = ['complete', 't', '--from', 'r', '--summary', 'done'];
    expect(await q.agentq(...completing, '--artifact', `patch=${file}`)).toMatchObject({
      code: 12,
      stderr: expect.stringMatching(
        /^agentq: .*artifacts\/t is a link where the store must have a folder \(remove it\)\n$/,
      ),
    });
    expect(readdirSync(folder)).toEqual([]);
    expect((await q.task('t')).status).toBe('queued');
  });

  test('in the place of tasks/ is not followed', async ({ q }) => {
    const { folder } = outside(q);
    rmSync(q.path('.agentq/tasks'), { recursive: true });
    symlinkSync(folder, q.path('.agentq/tasks'));
    const file = q.write('context.md', 'background');
    expect((await q.agentq('submit', '--to', 'r', '--file', file)).code).toBe(12);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('in the place of the folder of a task makes a claim fail', async ({ q }) => {
    const { folder } = outside(q);
    await q.submit('--id', 't');
    symlinkSync(folder, q.path('.agentq/artifacts/t'));
    expect((await q.agentq('claim', '--as', 'r')).code).toBe(12);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is followed if it is the root of the store', async ({ q }) => {
    const { folder } = outside(q);
    symlinkSync(folder, q.path('store'));
    await q.ok('init', '--dir', 'linked', '--store', q.path('store'));
    const file = q.write('context.md', 'background');
    await q.ok('submit', '--dir', 'linked', '--to', 'r', '--id', 't', '--file', file);
    await q.ok('complete', '--dir', 'linked', 't', '--from', 'r', '--result-file', file);
    expect(await q.ok('result', '--dir', 'linked', 't')).toBe('background');
    expect(readdirSync(`${folder}/tasks`)).toEqual(['t.md']);
  });
});
