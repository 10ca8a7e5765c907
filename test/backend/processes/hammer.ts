import { writeSync } from 'node:fs';
import { openBackend } from '../../../src/backend/open.ts';
import { complete, LEASE, ROLE, submit } from '../contract/requests.ts';
import { storeOptions } from '../support/store-options.ts';

/**
 * Submits some tasks, then claims and completes tasks until none is left. Prints `ID ATTEMPT` after each accepted
 * completion. Ends without closing the store, as a command does.
 */
const [dir, worker, count] = process.argv.slice(2) as [string, string, string];
const backend = await openBackend(storeOptions(dir));
for (let n = 0; n < Number(count); n++) await backend.commit([submit(`${worker}-${n}`)]);
for (;;) {
  const { task } = await backend.claim({ role: ROLE, worker, lease: LEASE });
  if (task) {
    const { id, lease } = task;
    const [outcome] = await backend.commit([complete(id, lease.attempt, { summary: worker })]);
    if (outcome!.changed) writeSync(1, `${id} ${lease.attempt}\n`);
  } else if (!(await backend.counts()).roles.some(({ tasks }) => tasks.queued + tasks.working > 0)) {
    process.exit(0);
  }
}
