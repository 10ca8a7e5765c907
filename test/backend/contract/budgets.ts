import { expect } from 'vitest';
import type { Backend, ThingRequest } from '../../../src/backend/backend.ts';
import type { Budget } from '../../../src/core/policy/document.ts';
import { POLICY } from '../../../src/core/policy/policy.ts';
import type { Theme } from './harness.ts';
import {
  claimed,
  commitOne,
  complete,
  done,
  nothingToClaim,
  refused,
  release,
  renew,
  ROLE,
  SECOND,
  submit,
} from './checked-requests.ts';

const DAY = 86_400_000;

export const policy = (...budgets: readonly Budget[]): ThingRequest => ({
  about: POLICY,
  command: { type: 'apply', document: { budgets }, by: 'lead' },
});

async function apply(backend: Backend, ...budgets: readonly Budget[]): Promise<void> {
  expect(await commitOne(backend, policy(...budgets))).toEqual({ task: undefined, changed: true });
}

/** What the reported cost of tasks has for consequences. */
export const budgets: Theme = (check) => {
  check('a task that has cost more than its own budget is cancelled by the report', async ({ open }) => {
    const [worker, lead] = [await open(), await open()];
    await done(lead, submit('a', { budget_usd: 1 }));
    await claimed(worker);
    expect(await done(worker, renew('a', 1, { cost: { usd: 1, tokens: 5 } }))).toMatchObject({ status: 'working' });
    const reason = 'the budget of the task is used up: $1.50 of $1';
    const stopped = { status: 'cancelled', by: 'budget', reason };
    expect(await done(worker, renew('a', 1, { cost: { usd: 1.5 } }))).toMatchObject(stopped);
    expect(await lead.task('a')).toMatchObject(stopped);
    expect((await refused(worker, complete('a', 1), 'cancelled')).refusal?.message).toContain(reason);
    expect((await lead.history('a')).map(({ type }) => type)).toEqual([
      'submitted',
      'claimed',
      'renewed',
      'renewed',
      'cancelled',
      'refused',
    ]);
    // One that has used exactly its budget cannot begin again.
    await done(lead, submit('b', { budget_usd: 1 }));
    await claimed(worker);
    expect(await done(worker, renew('b', 1, { cost: { usd: 1 } }))).toMatchObject({ status: 'working' });
    expect(await done(worker, release('b', 1))).toMatchObject({ status: 'cancelled', by: 'budget' });
    expect((await lead.inbox('results.lead', 10)).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(await worker.audit(false)).toEqual([]);
  });

  check('a budget counts what was spent before it, and frees what waits when it is raised', async ({ open, clock }) => {
    const [worker, lead] = [await open(), await open()];
    await done(lead, submit('a'), submit('b', { group: 'g' }), submit('c', { group: 'g' }));
    expect((await claimed(worker)).id).toBe('a');
    await done(worker, complete('a', 1, { cost: { usd: 2 } }));
    expect((await claimed(worker)).id).toBe('b');
    await done(worker, complete('b', 1, { cost: { usd: 0.5 } }));
    await apply(lead, { group: 'g', usd: 0.5 });
    await done(lead, submit('d'));
    // The group of the older task does not block the role.
    expect((await claimed(worker)).id).toBe('d');
    const { held } = await nothingToClaim(worker);
    expect(held).toBe('the budget of group g is used up: $0.50 of $0.50');
    using watch = worker.watch({ role: ROLE });
    await apply(lead, { group: 'g', usd: 0.75 });
    expect(await watch.wait(20 * SECOND)).toBe(true);
    clock.advance(SECOND);
    expect((await claimed(worker)).id).toBe('c');
    expect((await lead.things('spending', ['group.g', 'group.h'])).map(({ id }) => id)).toEqual(['group.g']);
    expect(await lead.things('spending')).toMatchObject([
      { id: 'all', state: { micro_usd: 2_500_000 } },
      { id: 'group.g', state: { micro_usd: 500_000 } },
      { id: `role.${ROLE}`, state: { micro_usd: 2_500_000 } },
    ]);
  });

  check('a claim without a task names the budget of the present policy', async ({ open }) => {
    const [worker, lead] = [await open(), await open()];
    await done(lead, submit('a', { group: 'g' }), submit('b', { group: 'g' }));
    await claimed(worker);
    await done(worker, complete('a', 1, { cost: { usd: 1 } }));
    await apply(lead, { role: ROLE, usd: 1 });
    expect((await nothingToClaim(worker)).held).toBe(`the budget of role ${ROLE} is used up: $1 of $1`);
    await apply(lead, { role: ROLE, usd: 2 }, { group: 'g', usd: 0.5 });
    expect((await nothingToClaim(worker)).held).toBe('the budget of group g is used up: $1 of $0.50');
  });

  check('a budget of the day says when there is more', async ({ open, clock }) => {
    const [worker, lead] = [await open(), await open()];
    await apply(lead, { role: ROLE, usd: 1, per: 'day' });
    await done(lead, submit('a'), submit('b'));
    await claimed(worker);
    await done(worker, complete('a', 1, { cost: { usd: 1 } }));
    const midnight = (Math.floor(clock.now() / DAY) + 1) * DAY;
    const { held, next_due } = await nothingToClaim(worker);
    expect(held).toContain(`the budget of role ${ROLE} for `);
    expect(next_due).toBeLessThanOrEqual(midnight);
    expect(next_due).toBeGreaterThan(clock.now());
    await refused(lead, { task_id: 'b', command: { type: 'claim', worker: 'w', lease: 60 * SECOND } }, 'conflict');
    clock.advance(midnight - clock.now());
    expect((await claimed(worker)).id).toBe('b');
  });
};
