import { usedUpOf } from '../../core/budget/used-up.ts';
import { scopeOf } from '../../core/spending/scope.ts';
import type { Services } from '../workspace/services.ts';
import { readBooks } from './books.ts';

/** Which ready tasks count: those of this sender, role or group. */
interface Whose {
  readonly from?: string | undefined;
  readonly role?: string | undefined;
  readonly group?: string | undefined;
}

/**
 * The used-up budgets of the policy for which a ready task waits: one line each, with the figures. Empty if the queue
 * does not answer.
 */
export async function blockingBudgets(
  services: Pick<Services, 'backend'>,
  { from, role, group }: Whose = {},
): Promise<readonly string[]> {
  const { backend } = services;
  const books = backend.away ? undefined : await readBooks(services).catch(() => undefined);
  const reasons = new Set<string>();
  for (const budget of books?.policy?.document.budgets ?? []) {
    const used = books && usedUpOf(books, scopeOf(budget), backend.now);
    const isOther = differ(role, budget.role) || differ(group, budget.group);
    if (!used || isOther || reasons.has(used.reason)) continue;
    const [ofRole, ofGroup] = [role ?? budget.role, group ?? budget.group];
    const waiting = await backend.list({
      ...(from !== undefined && { from }),
      ...(ofRole !== undefined && { role: ofRole }),
      ...(ofGroup !== undefined && { group: ofGroup }),
      statuses: ['queued'],
      limit: 1,
    });
    if (waiting.length > 0) reasons.add(used.reason);
  }
  return [...reasons];
}

const differ = (wanted: string | undefined, given: string | undefined): boolean =>
  wanted !== undefined && given !== undefined && wanted !== given;
