import type { Envelope } from './envelope.ts';

/** What a task may cost, in US dollars; undefined for any amount. A version that did not know budgets may have written any value. */
export function budgetOf({ budget_usd }: Envelope): number | undefined {
  return typeof budget_usd === 'number' && Number.isFinite(budget_usd) && budget_usd > 0 ? budget_usd : undefined;
}
