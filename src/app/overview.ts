import type { Backend, Counts } from '../backend/backend.ts';
import type { Cost } from '../core/cost.ts';
import { isAway } from '../core/errors.ts';
import type { TaskIn } from '../core/task/task.ts';
import { blockingBudgets } from './budget/blocking-budgets.ts';
import { readCosts } from './budget/costs.ts';
import { everyTask } from './every-task.ts';
import { pause } from './pause.ts';
import { patience, type Services } from './workspace/services.ts';

/** The number of running tasks from which an overview selects those that it shows. */
const MANY = 1_000;

/** The state of a queue: its roles, and who works on what. */
export interface Overview {
  readonly counts: Counts;
  /** What the tasks of each role, and of each group, have cost. */
  readonly costs: ReadonlyMap<string, Cost>;
  /** The running tasks, at most 1,000. */
  readonly running: readonly TaskIn<'working'>[];
  /** The used-up budgets for which ready tasks wait: one line each. */
  readonly usedUp: readonly string[];
  /** The only role that it contains; absent if it contains all. */
  readonly role?: string;
  /** ms since 1970, by the clock of the backend. */
  readonly now: number;
}

/** Reads it once. @param role the only role; undefined for all @throws errors of the backend */
export async function readOverview(services: Services, role?: string): Promise<Overview> {
  const { backend } = services;
  const all = await backend.counts();
  const counts = role === undefined ? all : await countsOf(backend, all, role);
  const tasks = await backend.list({ statuses: ['working'], limit: MANY, ...(role !== undefined && { role }) });
  const running = tasks.filter((task) => task.status === 'working');
  const costs = await readCosts(backend);
  const usedUp = await blockingBudgets(services, { role });
  return { counts, costs, running, usedUp, now: backend.now, ...(role !== undefined && { role }) };
}

/** What the counts say of one role. */
async function countsOf(backend: Backend, { roles, workers }: Counts, role: string): Promise<Counts> {
  let dead = 0;
  for await (const _ of everyTask(backend, { dead: true, role })) dead++;
  const isOfRole = (one: { readonly role: string }) => one.role === role;
  return { roles: roles.filter(isOfRole), workers: workers.filter(isOfRole), dead };
}

/**
 * Reads it at once, and again whenever something may have changed, until the signal aborts. Between the changes it
 * reads seldom, so that also a change that only time has caused is found.
 * @param interval the shortest time between two reads, in ms
 * @throws errors of the first read; later an outage of the broker only delays the next read
 */
export async function* watchOverview(
  services: Services,
  interval: number,
  signal: AbortSignal,
  role?: string,
): AsyncGenerator<Overview, void, void> {
  using changes = services.backend.watch('changed');
  yield await readOverview(services, role);
  for (;;) {
    await pause(interval, signal);
    if (!signal.aborted) await changes.wait(patience(services, undefined), signal);
    if (signal.aborted) return;
    try {
      yield await readOverview(services, role);
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }
}
