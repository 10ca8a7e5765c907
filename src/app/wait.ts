import { nextDue } from '../core/due.ts';
import { isFinished, type Task } from '../core/task.ts';
import { findTask } from './obey.ts';
import { patience, type Services } from './services.ts';

export interface WaitRequest {
  readonly ids: readonly string[];
  /** Whether one finished task is enough, or all of them must be. */
  readonly until: 'any' | 'all';
  /** When to give up, by the monotonic clock; Infinity for never. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/**
 * Sleeps until the tasks have ended.
 * @returns the tasks as they are then, in the order of the ids; some unfinished if the deadline came first
 * @throws AgentqError `not-found`
 */
export async function waitFor(services: Services, request: WaitRequest): Promise<readonly Task[]> {
  const { ids, until, deadline, signal } = request;
  using watch = services.backend.watch('finished');
  const known = new Map<string, Task>();
  for (;;) {
    for (const id of ids) {
      const before = known.get(id);
      if (!before || !isFinished(before)) known.set(id, await findTask(services, id));
    }
    const tasks = ids.map((id) => known.get(id)!);
    const done = until === 'any' ? tasks.some(isFinished) : tasks.every(isFinished);
    if (done || services.monotonic() >= deadline || signal?.aborted) return tasks;
    const due = tasks.reduce((first, task) => Math.min(first, nextDue(task) ?? Infinity), Infinity);
    await watch.wait(patience(services, due, deadline), signal);
  }
}
