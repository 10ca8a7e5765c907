import { toMillionths } from '../cost.ts';
import { type Scope, scopesOf, spendingOn } from '../spending/scope.ts';
import type { Spent } from '../spending/spending.ts';
import type { Event, EventOf } from '../task/event.ts';
import { costOf, isFinished, type Task } from '../task/task.ts';
import { type Books, ownUsedUp, type UsedUp, usedUpOf } from './used-up.ts';

/** By whom a task is cancelled that has cost too much. */
export const BUDGET = 'budget';

/**
 * What follows from a change of a task: what its event reports was spent. The task is stopped if it has cost more than
 * its own budget, or if it waits and has nothing left: it could never begin again.
 */
export function consequencesOfCost(before: Task | undefined, after: Task, event: Event): readonly (Spent | Event)[] {
  const own = isFinished(after) ? undefined : ownUsedUp(after, after.status === 'working');
  return [...spentBy(before, after, event), ...(own ? [stopped(after, own, event.at)] : [])];
}

/** How the totals grow by the report in an event. */
function spentBy(before: Task | undefined, after: Task, event: Event): readonly Spent[] {
  if (!('cost' in event) || !event.cost) return [];
  const [was, is] = [before && costOf(before), costOf(after)];
  const micro_usd = toMillionths(is?.usd ?? 0) - toMillionths(was?.usd ?? 0);
  const tokens = (is?.tokens ?? 0) - (was?.tokens ?? 0);
  if (micro_usd === 0 && tokens === 0) return [];
  return scopesOf(after.envelope).map((scope) => ({
    v: 2,
    type: 'spent',
    about: spendingOn(scope),
    at: event.at,
    task: after.id,
    micro_usd,
    tokens,
  }));
}

/**
 * What follows from spending on a scope: the running task whose report takes it above a budget is stopped. A task that
 * waits for its next attempt goes on waiting, because the budget may be raised.
 */
export function consequencesOfSpending(
  books: Books,
  scope: Scope,
  event: Spent,
  task: Task | undefined,
): readonly Event[] {
  if (task?.status !== 'working' || event.micro_usd <= 0) return [];
  const used = usedUpOf(books, scope, event.at, true);
  return used ? [stopped(task, used, event.at)] : [];
}

function stopped(task: Task, { reason }: UsedUp, at: number): EventOf<'cancelled'> {
  return { v: 1, type: 'cancelled', task_id: task.id, at, by: BUDGET, reason };
}
