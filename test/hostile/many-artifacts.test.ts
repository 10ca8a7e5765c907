import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import type { Stored } from '../../src/artifacts/store.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { isSync, pathOf, trace, untraceable } from '../backend/support/trace.ts';
import { CONCURRENT, test } from '../worker/harness.ts';

const MANY = 2_000;

test('other work of the process runs between the files that are stored', async () => {
  const store = new FsStore(scratchFolder(), 0o600, 0o700);
  await store.make('store');
  const pieces = Array.from({ length: 50 }, (_, n) => ({
    path: `artifacts/t/1/${n}.txt`,
    name: `${n}`,
    source: { bytes: Buffer.from(`${n}`) },
  }));
  const stored: Stored[] = [];
  const seen = new Set<number>();
  const interval = setInterval(() => seen.add(stored.length), 0);
  await store.put(pieces, stored);
  clearInterval(interval);
  expect(stored).toHaveLength(50);
  expect(seen.size).toBeGreaterThan(10);
});

describe.skipIf(untraceable !== undefined)(`many files (${untraceable ?? 'traced'})`, () => {
  test('are synced one by one, and each of their folders is synced once', () => {
    const root = scratchFolder();
    const folder = join(root, 'artifacts/t/1');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    for (let n = 0; n < 20; n++) writeFileSync(join(folder, n % 2 ? 'sub' : '.', `${n}.txt`), `${n}`);
    const synced = trace(new URL('processes/keep-all.ts', import.meta.url), root, 'artifacts/t/1')
      .filter(isSync)
      .map(pathOf);
    const times = (path: string) => synced.filter((one) => one === path).length;
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files).toHaveLength(20);
    for (const { parentPath, name } of files) expect([name, times(join(parentPath, name))]).toEqual([name, 1]);
    for (const one of ['artifacts/t/1/sub', 'artifacts/t/1', 'artifacts/t', 'artifacts', '.'])
      expect([one, times(join(root, one))]).toEqual([one, 1]);
  });
});

/** Files that a child creates in its artifacts folder: description, script, number of artifacts, lease. */
const MANY_FILES = [
  [`${MANY} artifacts`, `seq ${MANY} | split -l 1 -a 4`, MANY, '1s'],
  ['1,000 nested folders', 'n=0; while [ $n -lt 1000 ]; do mkdir d && cd d || exit 1; n=$((n + 1)); done', 0, '3s'],
] as const;

describe('a worker', CONCURRENT, () => {
  for (const [what, leave, count, lease] of MANY_FILES) {
    test(`that searches ${what} of one child keeps the lease of another`, async ({ q }) => {
      await q.submit('--id', 'many');
      await q.submit('--id', 'neighbour');
      const worker = q.work(
        `if [ "$AGENTQ_TASK_ID" = many ]; then
           cd "$AGENTQ_ARTIFACTS_DIR" && ${leave}
         else
           until_there over; echo done
         fi`,
        '--concurrency',
        '2',
        '--lease',
        lease,
        '--until-empty',
      );
      await worker.reported('completed', { task_id: 'many' });
      q.write('over');
      await worker.finished();
      for (const id of ['many', 'neighbour']) {
        expect(await q.task(id)).toMatchObject({
          status: 'completed',
          attempts: [{ number: 1, outcome: 'completed' }],
        });
      }
      const { artifacts } = await q.result('many');
      expect(artifacts).toHaveLength(count);
    });
  }
});
