import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { complete } from '../../src/app/change/complete.ts';
import { diagnose } from '../../src/app/doctor/doctor.ts';
import { flushOutbox } from '../../src/app/outbox/flush-outbox.ts';
import { keepInOutbox } from '../../src/app/outbox/outbox.ts';
import { patience, type Services } from '../../src/app/workspace/services.ts';
import { initWorkspace } from '../../src/app/workspace/init-workspace.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { claimRequest, envelope, MINUTE, submit } from '../backend/contract/checked-requests.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';

const HOUR = 60 * MINUTE;

/** A queue whose clock stands still, and a client whose clock differs from it. */
async function clientWithClock(ahead: number): Promise<Services & { readonly file: string }> {
  const now = Date.UTC(2027, 0, 31);
  const folder = scratchFolder();
  const workspace = await initWorkspace(folder, { cwd: folder }, {});
  const options = storeOptions(workspace.dir, { clock: () => now });
  await createBackend(options);
  const backend = await openBackend(options);
  onTestFinished(() => backend.close());
  const store = new FsStore(workspace.dir, 0o600, 0o700);
  await store.make('store');
  const file = join(folder, 'diff.md');
  writeFileSync(file, 'the diff');
  return { workspace, backend, store, clock: () => now + ahead, monotonic: () => 0, newId: () => 'fresh', file };
}

describe.each([
  ['ahead of', HOUR],
  ['behind', -HOUR],
])('a client whose clock is %s the clock of the backend', (_, skew) => {
  test('completes a task as long as the lease lasts for the backend', async () => {
    const services = await clientWithClock(skew);
    await services.backend.commit([submit('t')]);
    await services.backend.claim(claimRequest());
    const request = { id: 't', by: 'coder', artifacts: [{ name: 'diff', file: services.file }], allowSecret: false };
    const { task } = await complete(services, { ...request, warn: () => {} });
    expect(task).toMatchObject({ status: 'completed', completion: { at: services.backend.now } });
  });

  test('waits for the end of a delay by the clock of the backend', async () => {
    const services = await clientWithClock(skew);
    await services.backend.commit([submit('t', { delay_seconds: 3 })]);
    const claimed = await services.backend.claim(claimRequest());
    expect(claimed.task).toBeUndefined();
    expect(patience(services, claimed.task ? undefined : claimed.next_due)).toBe(3_000);
  });

  test('knows that a worker has claimed recently', async () => {
    const services = await clientWithClock(skew);
    // A worker that stays is seen, also if its role is new.
    await services.backend.claim(claimRequest({ stays: true }));
    await services.backend.commit([submit('t')]);
    expect((await diagnose(services, false)).map(({ problem }) => problem)).not.toContainEqual(
      expect.stringMatching(/no worker has claimed/),
    );
  });

  test('sends a command from its outbox with the right age', async () => {
    const services = await clientWithClock(skew);
    const { backend, clock } = services;
    keepInOutbox(services, 't', { type: 'submit', envelope: envelope('t') }, clock() - MINUTE);
    await flushOutbox(services, () => {});
    expect(await backend.task('t')).toMatchObject({ submitted_at: backend.now - MINUTE });
  });
});
