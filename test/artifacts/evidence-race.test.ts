import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { complete, type CompleteRequest } from '../../src/app/change/complete.ts';
import type { Services } from '../../src/app/workspace/services.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { submit } from '../backend/contract/requests.ts';
import { holdCommits } from '../backend/support/held-commit.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';

test('a refused completion does not remove the evidence of the accepted one', async () => {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir));
  const backend = await openBackend(storeOptions(dir));
  onTestFinished(() => backend.close());
  const store = new FsStore(dir, 0o600, 0o700);
  await store.make('store');
  await backend.commit([submit('t')]);
  const file = join(dir, 'diff.md');
  writeFileSync(file, 'the same diff');
  const request = (summary: string): CompleteRequest => ({
    id: 't',
    by: 'coder',
    summary,
    artifacts: [{ name: 'diff', file }],
    allowSecret: false,
    warn: () => {},
  });

  // Two completions of one attempt with the same file. The first has stored the file when the second is accepted.
  const { held, reached, release } = holdCommits(backend);
  const first = complete({ store, backend: held, clock: Date.now } as unknown as Services, request('from the first'));
  await reached;
  const { task } = await complete(
    { store, backend, clock: Date.now } as unknown as Services,
    request('from the second'),
  );
  release();
  await expect(first).rejects.toMatchObject({ code: 'conflict' });

  expect(task).toMatchObject({ status: 'completed', completion: { summary: 'from the second' } });
  const artifacts = task.status === 'completed' ? task.completion.artifacts : [];
  expect(artifacts).toHaveLength(1);
  for (const evidence of artifacts) expect(await store.check(evidence)).toBeUndefined();
});
