import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { submitBatch } from '../../src/app/submit/batch.ts';
import type { Services } from '../../src/app/workspace/services.ts';
import { submit } from '../../src/app/submit/submit.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import type { Backend } from '../../src/backend/backend.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { parseSubmission } from '../../src/core/envelope/submission.ts';
import { holdCommits } from '../backend/support/held-commit.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';

const test = base.extend<Shells>(fixtures);

/** A batch whose rows have a context each, and these further fields. */
function batch(q: Shell, ...rows: object[]): string {
  const lines = rows.map((row, n) => ({ to: 'r', type: 'x', from: 'c', file: q.write(`${n}.md`, `row ${n}`), ...row }));
  return q.write('batch.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
}

// A file that can be opened but not read, as on a failing disk.
const FAILING = '/proc/self/mem';

describe('a refused batch leaves no context in the store', () => {
  test('if two of its rows conflict', async ({ q }) => {
    const file = batch(q, { task_id: 'a' }, {}, { task_id: 'b' }, { task_id: 'a' });
    expect(await q.refused('submit', '--batch', file)).toMatchObject({ exit: 14 });
    expect(q.stored()).toEqual([]);
    expect((await q.json('list')).tasks).toEqual([]);
  });

  test('if a task with the same id has other content', async ({ q }) => {
    await q.submit('b');
    expect(await q.refused('submit', '--batch', batch(q, {}, { task_id: 'b' }))).toMatchObject({ exit: 14 });
    expect(q.stored()).toEqual([]);
  });

  test.skipIf(!existsSync(FAILING))('if a context cannot be read completely', async ({ q }) => {
    const file = batch(q, { task_id: 'a' }, {}, { file: FAILING });
    expect(await q.refused('submit', '--batch', file)).toMatchObject({ exit: 12 });
    expect(q.stored()).toEqual([]);
  });

  test('but does not remove the contexts of existing tasks', async ({ q }) => {
    await q.ok('submit', '--batch', batch(q, { task_id: 'a' }, { task_id: 'b' }));
    const again = batch(q, { task_id: 'a' }, { task_id: 'b' }, { task_id: 'c' }, { task_id: 'c', instructions: 'x' });
    expect(await q.refused('submit', '--batch', again)).toMatchObject({ exit: 14 });
    expect(q.stored()).toEqual(['tasks/a.md', 'tasks/b.md']);
    expect(await q.json('doctor')).toMatchObject({ healthy: true });
  });

  test('also if the same content is submitted again', async ({ q }) => {
    const file = batch(q, { task_id: 'a' });
    await q.ok('submit', '--batch', file);
    await q.ok('submit', '--batch', file);
    expect(q.stored()).toEqual(['tasks/a.md']);
  });
});

base('a context of a refused batch is kept if another submit uses it', async ({ onTestFinished }) => {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  const backend = await openBackend(storeOptions(dir));
  onTestFinished(() => backend.close());
  const store = new FsStore(dir, 0o600, 0o700);
  await store.make('store');
  const services = {
    store,
    backend,
    clock: Date.now,
    newId: () => 'new',
    workspace: { config: {} },
  } as unknown as Services;
  const context = { bytes: Buffer.from('the same content') };
  const submission = parseSubmission({ to: 'r', from: 'c', type: 'x', task_id: 'a' });

  // The batch has stored the context of `a` and will be refused. Another submit of `a` finds that context.
  const { held, reached, release } = holdCommits(backend);
  const inBatch: Pick<Backend, 'task' | 'commit'> = {
    task: (id) => backend.task(id),
    commit: async (requests) => {
      other = submit({ ...services, backend: held }, { submission, context, allowSecret: false });
      await reached;
      return backend.commit(requests);
    },
  };
  let other: Promise<unknown> | undefined;
  const source = `${dir}/source.md`;
  writeFileSync(source, 'the same content');
  const row = { to: 'r', from: 'c', type: 'x', task_id: 'a' };
  const rows = [
    { ...row, file: source },
    { ...row, instructions: 'other content' },
  ];
  const text = rows.map((one) => JSON.stringify(one)).join('\n');
  const options = { defaults: {}, allowSecret: false, from: { cwd: dir } };
  await expect(submitBatch({ ...services, backend: inBatch as Backend }, text, options)).rejects.toMatchObject({
    code: 'bad-batch',
  });
  expect(readdirSync(`${dir}/tasks`)).toEqual([]);
  release();
  await other;
  const task = await backend.task('a');
  expect(await store.check(task!.context!)).toBeUndefined();
});
