import { expect, test } from 'vitest';
import { policyDocument } from '../../src/core/policy/document.ts';
import { type Applied, decidePolicy, evolvePolicy, type Policy } from '../../src/core/policy/policy.ts';

const budgets = [{ usd: 5, role: 'r' }];
const apply = (state: Policy | undefined, document: object) =>
  decidePolicy(state, { type: 'apply', document, by: 'lead' }, { now: 7 }).events;
const after = (events: readonly Applied[], state?: Policy) =>
  events.reduce((policy: Policy | undefined, event) => evolvePolicy(policy, event).state, state);

test('a policy replaces the one before, and gets the next version', () => {
  const first = after(apply(undefined, { budgets }));
  expect(first).toEqual({ version: 1, document: { budgets }, at: 7, by: 'lead' });
  expect(after(apply(first, {}), first)).toEqual({ version: 2, document: {}, at: 7, by: 'lead' });
});

test('the same document, also with its fields in another order, changes nothing', () => {
  expect(apply(after(apply(undefined, { budgets })), { budgets: [{ role: 'r', usd: 5 }] })).toEqual([]);
});

test('of two documents that are applied at the same time, the first one counts', () => {
  const [one, two] = [apply(undefined, { budgets }), apply(undefined, {})];
  expect(after([...one, ...two])).toMatchObject({ version: 1, document: { budgets } });
});

test.for<[string, object, boolean]>([
  ['of all forms', { budgets: [{ role: 'r', usd: 5, per: 'day' }, { group: 'g', usd: 0 }, { usd: 50 }] }, true],
  ['that is empty', {}, true],
  ['with an unknown field', { approvals: [] }, false],
  ['with an unknown field of a budget', { budgets: [{ usd: 1, rule: 'r' }] }, false],
  ['with a role and a group', { budgets: [{ usd: 1, role: 'r', group: 'g' }] }, false],
  ['without an amount', { budgets: [{ role: 'r' }] }, false],
  ['with a negative amount', { budgets: [{ usd: -1 }] }, false],
  ['with another period', { budgets: [{ usd: 1, per: 'week' }] }, false],
])('a document %s', ([, document, isValid]) => expect(policyDocument().safeParse(document).success).toBe(isValid));
