import { type Dimension, type Part, Stats } from '../../core/stats/stats.ts';
import type { Figures } from '../../core/stats/tally.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';

/** The tasks of a page. A page of a large period costs a look at the times of all its tasks: so pages are large. */
const PAGE = 5_000;

export interface StatsOfPeriod {
  readonly since: number;
  readonly until: number;
  readonly total: Figures;
  readonly parts: readonly Part[];
}

/**
 * The figures of a period that ends now. It reads the tasks that have changed in the period, page by page, and keeps
 * none of them.
 * @param since ms since 1970, by the clock of the backend
 */
export async function readStats({ backend }: Services, since: number, by: Dimension): Promise<StatsOfPeriod> {
  const until = backend.now;
  const stats = new Stats(since, by);
  for await (const task of everyTask(backend, { since }, PAGE)) stats.add(task);
  return { since, until, total: stats.total(), parts: stats.parts() };
}
