import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { policy } from './contract/budgets.ts';
import { claimed, commitOne, complete, done, nothingToClaim, submit } from './contract/checked-requests.ts';
import { makeSqliteHarness } from './support/sqlite-harness.ts';

test('a claim reads no task that waits for the budget of its group', async () => {
  const store = await makeSqliteHarness();
  try {
    const backend = await store.open();
    await done(backend, submit('spent', { group: 'g' }));
    await claimed(backend);
    await done(backend, complete('spent', 1, { cost: { usd: 1 } }));
    await commitOne(backend, policy({ group: 'g', usd: 1 }));
    await done(backend, submit('held-1', { group: 'g', priority: 'high' }), submit('held-2', { group: 'g' }));
    await done(backend, submit('other', { group: 'h' }), submit('free'));
    // A task that is read would now be reported as damaged.
    const db = new DatabaseSync(join(store.options.dir, 'agentq.db'));
    db.exec("UPDATE tasks SET state = 'damaged' WHERE id LIKE 'held-%'");
    db.close();
    expect((await claimed(backend)).id).toBe('other');
    expect((await claimed(backend)).id).toBe('free');
    expect((await nothingToClaim(backend)).held).toBe('the budget of group g is used up: $1 of $1');
  } finally {
    await store.close();
  }
});
