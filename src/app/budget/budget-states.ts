import { toUsd } from '../../core/cost.ts';
import { spentOf } from '../../core/budget/used-up.ts';
import type { Budget } from '../../core/policy/document.ts';
import { scopeOf } from '../../core/spending/scope.ts';
import type { Services } from '../workspace/services.ts';
import { readBooks } from './books.ts';

/** A budget of the policy, and what counts towards it at present, in US dollars. */
export interface BudgetState extends Budget {
  readonly spent_usd: number;
}

/** The budgets of the present policy. */
export async function budgetStates(services: Pick<Services, 'backend'>): Promise<readonly BudgetState[]> {
  const books = await readBooks(services);
  const { now } = services.backend;
  return (books.policy?.document.budgets ?? []).map((budget) => ({
    ...budget,
    spent_usd: toUsd(spentOf(books.spent(scopeOf(budget)), budget, now)),
  }));
}
