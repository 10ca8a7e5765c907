import { describe, expect } from 'vitest';
import { test } from './fixture.ts';
import { SLOW } from './site.ts';

describe('a policy that the coordinator applies', { timeout: SLOW }, () => {
  test('stops a child of another machine, holds its group, and lets the rest of the role work', async ({
    cast: { site, lead, one },
  }) => {
    const budget = (usd: number) => site.write('policy.json', JSON.stringify({ budgets: [{ group: 'g', usd }] }));
    await lead.ok('policy', 'apply', budget(1));
    for (const id of ['a', 'b']) await lead.submit(id, '--group', 'g');
    await lead.submit('c');
    const child = `if [ "$AGENTQ_TASK_ID" = a ]; then agentq progress --cost-usd 1.5; sleep 1000 & wait; fi; echo done`;
    const worker = one.work(child, '--kill-grace', '0s');
    const reason = 'the budget of group g is used up: $1.50 of $1';

    await worker.reported('cancelled', { task_id: 'a' });
    expect(await lead.task('a')).toMatchObject({ status: 'cancelled', cancelled_by: 'budget', reason });
    expect(await lead.wait('a')).toBe(5);
    await worker.reported('completed', { task_id: 'c' });
    await worker.printed(`no task can begin: ${reason}`);
    expect(await lead.json('status', 'b')).toMatchObject({ status: 'queued', waits_for_budget: reason });
    expect((await lead.json('inbox', '--keep')).messages).toMatchObject([
      { task_id: 'a', status: 'cancelled', reason },
      {},
    ]);

    await lead.ok('policy', 'apply', budget(2));
    await worker.reported('completed', { task_id: 'b' });
    expect(await one.json('policy', 'show')).toMatchObject({ version: 2, budgets: [{ group: 'g', spent_usd: 1.5 }] });
    worker.signal('SIGTERM');
    await worker.finished();
  });
});
