import type { Ended } from '../../backend/backend.ts';
import { isFinished, openStatuses, type Task } from '../../core/task/task.ts';
import { findTask } from '../change/apply-command.ts';
import { everyTask } from '../every-task.ts';
import { answered } from './wait.ts';
import { patience, type Services } from '../workspace/services.ts';

/** Which tasks to wait for: those with these ids, or those that an agent has submitted. */
export type Scope = { readonly ids: readonly string[]; readonly from?: never } | { readonly from: string };

export interface WaitAnyRequest {
  readonly scope: Scope;
  /** Tells only what has ended after this place in the log; undefined to tell also what has ended before. */
  readonly after: string | undefined;
  /** How many ended tasks to tell at most. */
  readonly limit: number;
  /** When to give up, by the monotonic clock; Infinity for never. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits until a task has ended that was not told yet.
 * @returns no ended task if the deadline came first, or if no task is open
 * @throws AgentqError `not-found`; `unreachable` if the queue has not answered by the deadline
 */
export async function waitForAny(services: Services, request: WaitAnyRequest): Promise<Ended> {
  const { scope, after, limit, deadline, signal } = request;
  const { backend, monotonic } = services;
  using watch = backend.watch('finished');
  if (scope.from === undefined) await answered(services, openTasks(services, scope), deadline);
  for (;;) {
    const ended = await answered(services, backend.ended({ ...scope, after, limit }), deadline);
    if (ended.tasks.length > 0 || ended.open === 0 || monotonic() >= deadline || signal?.aborted) return ended;
    await watch.wait(patience(services, ended.next_due, deadline), signal);
  }
}

/** The tasks of the scope that have not ended, at most `limit`. @throws AgentqError `not-found` */
export async function openTasks(services: Services, scope: Scope, limit = Infinity): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  if (scope.from !== undefined) {
    for await (const task of everyTask(services.backend, { from: scope.from, statuses: openStatuses })) {
      if (tasks.length >= limit) break;
      tasks.push(task);
    }
    return tasks;
  }
  for (const id of scope.ids) tasks.push(await findTask(services, id));
  return tasks.filter((task) => !isFinished(task)).slice(0, limit);
}
