import { formatUsd, toMillionths, toUsd } from '../cost.ts';
import { budgetOf } from '../envelope/budget.ts';
import type { Budget } from '../policy/document.ts';
import type { Policy } from '../policy/policy.ts';
import { type Scope, scopeOf, scopesOf } from '../spending/scope.ts';
import { dateOf, type Spending, spentOn } from '../spending/spending.ts';
import { costOf, type Task } from '../task/task.ts';

/** What a decision about budgets reads. */
export interface Books {
  readonly policy: Policy | undefined;
  spent(scope: Scope): Spending | undefined;
}

/** Why a budget allows no further attempt. */
export interface UsedUp {
  /** One line, with the budget and the figures. */
  readonly reason: string;
  /** When time alone gives more: the next day in UTC, ms since 1970. */
  readonly until?: number;
}

/** The cost of the attempts that count towards the budget of the task itself: a retried dead letter gets a new one. */
export function ownCost(task: Task): number {
  return toMillionths(costOf({ ...task, attempts: task.attempts.slice(task.forgiven) })?.usd ?? 0);
}

/**
 * Whether the budget of a task itself is used up. No attempt then begins: the task is cancelled as soon as it waits.
 * @param beyond whether only more than the budget counts: a running attempt may use all of it
 */
export function ownUsedUp(task: Task, beyond = false): UsedUp | undefined {
  const budget = budgetOf(task.envelope);
  if (budget === undefined) return undefined;
  const spent = ownCost(task);
  if (!exceeds(spent, budget, beyond)) return undefined;
  return { reason: `the budget of the task is used up: ${figures(spent, budget)}` };
}

/**
 * The budget of the policy for which a task waits; undefined if its next attempt may begin.
 * @param at when it would begin, ms since 1970
 */
export function usedUpFor(books: Books, task: Task, at: number): UsedUp | undefined {
  if (!books.policy?.document.budgets?.length) return undefined;
  for (const scope of scopesOf(task.envelope)) {
    const used = usedUpOf(books, scope, at);
    if (used) return used;
  }
  return undefined;
}

/** Why no task of a role may begin, whatever its group is. @param at ms since 1970 */
export function usedUpOfRole(books: Books, role: string, at: number): UsedUp | undefined {
  return usedUpOf(books, `role.${role}`, at) ?? usedUpOf(books, 'all', at);
}

/** The groups of the policy of which no task may begin, by name. @param at ms since 1970 */
export function usedUpGroups(books: Books, at: number): ReadonlyMap<string, UsedUp> {
  const groups = (books.policy?.document.budgets ?? []).flatMap(({ group }) => group ?? []);
  return new Map(
    groups.flatMap((group) => {
      const used = usedUpOf(books, `group.${group}`, at);
      return used ? [[group, used] as const] : [];
    }),
  );
}

/** The first budget of a scope that is used up. @param beyond as for {@link ownUsedUp} */
export function usedUpOf(books: Books, scope: Scope, at: number, beyond = false): UsedUp | undefined {
  const budgets = books.policy?.document.budgets?.filter((budget) => scopeOf(budget) === scope) ?? [];
  if (budgets.length === 0) return undefined;
  const spending = books.spent(scope);
  for (const budget of budgets) {
    const spent = spentOf(spending, budget, at);
    if (!exceeds(spent, budget.usd, beyond)) continue;
    const day = budget.per === 'day' ? ` for ${dateOf(at)}` : '';
    const reason = `the budget of ${nameOf(budget)}${day} is used up: ${figures(spent, budget.usd)}`;
    return { reason, ...(budget.per === 'day' && { until: nextDay(at) }) };
  }
  return undefined;
}

/** What counts towards a budget, in millionths of a dollar. @param at ms since 1970 */
export function spentOf(spending: Spending | undefined, { per }: Budget, at: number): number {
  return per === 'day' ? spentOn(spending, dateOf(at)) : (spending?.micro_usd ?? 0);
}

const exceeds = (spent: number, usd: number, beyond: boolean): boolean =>
  beyond ? spent > toMillionths(usd) : spent >= toMillionths(usd);

const figures = (spent: number, usd: number): string => `${formatUsd(toUsd(spent))} of ${formatUsd(usd)}`;

function nameOf({ role, group }: Budget): string {
  if (group !== undefined) return `group ${group}`;
  return role === undefined ? 'all tasks' : `role ${role}`;
}

const DAY = 86_400_000;
const nextDay = (at: number): number => (Math.floor(at / DAY) + 1) * DAY;
