import { type Books, usedUpFor } from '../../core/budget/used-up.ts';
import { POLICY } from '../../core/policy/policy.ts';
import { type Scope, scopeOf } from '../../core/spending/scope.ts';
import type { Task } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';

/** What the queue says about budgets at present. Only spending that a budget limits is read. */
export async function readBooks({ backend }: Pick<Services, 'backend'>): Promise<Books> {
  const policy = await backend.thing('policy', POLICY.id);
  const limited = policy?.document.budgets?.map(scopeOf) ?? [];
  const known = limited.length > 0 ? await backend.things('spending', limited) : [];
  const spent = new Map<string, (typeof known)[number]['state']>(known.map(({ id, state }) => [id, state]));
  return { policy, spent: (scope: Scope) => spent.get(scope) };
}

/**
 * Why ready tasks wait although they could be claimed, by id: a budget is used up. Empty if the queue does not answer.
 */
export async function waitingForBudgets(
  services: Pick<Services, 'backend'>,
  tasks: readonly Task[],
): Promise<ReadonlyMap<string, string>> {
  const { backend } = services;
  const queued = tasks.filter(({ status }) => status === 'queued');
  const books = queued.length === 0 || backend.away ? undefined : await readBooks(services).catch(() => undefined);
  return new Map(
    queued.flatMap((task) => {
      const reason = books && usedUpFor(books, task, backend.now)?.reason;
      return reason === undefined ? [] : [[task.id, reason]];
    }),
  );
}

/** Why a ready task waits although it could be claimed: a budget is used up. Undefined if none is. */
export async function waitsForBudget(services: Pick<Services, 'backend'>, task: Task): Promise<string | undefined> {
  if (task.status !== 'queued') return undefined;
  return usedUpFor(await readBooks(services), task, services.backend.now)?.reason;
}
