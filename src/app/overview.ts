import type { Counts } from '../backend/backend.ts';
import { isAway } from '../core/errors.ts';
import type { TaskIn } from '../core/task/task.ts';
import { patience, type Services } from './workspace/services.ts';

/** The number of running tasks from which an overview selects those that it shows. */
const MANY = 1_000;

/** The state of a queue: its roles, and who works on what. */
export interface Overview {
  readonly counts: Counts;
  /** The running tasks, at most 1,000. */
  readonly running: readonly TaskIn<'working'>[];
  /** ms since 1970, by the clock of the backend. */
  readonly now: number;
}

/** Reads it once. @throws errors of the backend */
export async function readOverview({ backend }: Services): Promise<Overview> {
  const counts = await backend.counts();
  const tasks = await backend.list({ statuses: ['working'], limit: MANY });
  return { counts, running: tasks.filter((task) => task.status === 'working'), now: backend.now };
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
): AsyncGenerator<Overview, void, void> {
  using changes = services.backend.watch('changed');
  yield await readOverview(services);
  for (;;) {
    await pause(interval, signal);
    if (!signal.aborted) await changes.wait(patience(services, undefined), signal);
    if (signal.aborted) return;
    try {
      yield await readOverview(services);
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }
}

/** Also ends when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
