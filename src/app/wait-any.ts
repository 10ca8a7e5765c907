import type { Ended } from '../backend/backend.ts';
import { nextDue } from '../core/task/due.ts';
import { isFinished, openStatuses, type Task } from '../core/task/task.ts';
import { findTask } from './apply-command.ts';
import { everyTask } from './every-task.ts';
import { answered } from './wait.ts';
import { patience, type Services } from './workspace/services.ts';

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

export interface AnyEnded extends Ended {
  /** The tasks that have not ended. */
  readonly open: readonly Task[];
}

/**
 * Waits until a task has ended that was not told yet.
 * @returns no ended task if the deadline came first, or if no task is open
 * @throws AgentqError `not-found`; `unreachable` if the queue has not answered by the deadline
 */
export async function waitForAny(services: Services, request: WaitAnyRequest): Promise<AnyEnded> {
  const { scope, after, limit, deadline, signal } = request;
  const { backend, monotonic } = services;
  using watch = backend.watch('finished');
  // A ring may be for a task of another agent: the open tasks are read again only for an answer, and now and then.
  let known: readonly Task[] | undefined;
  for (;;) {
    known ??= await answered(services, openTasks(services, scope), deadline);
    const ended = await answered(services, backend.ended({ ...scope, after, limit }), deadline);
    const told = new Set(ended.tasks.map(({ id }) => id));
    if (told.size > 0 || known.length === 0 || monotonic() >= deadline || signal?.aborted) {
      const open = await answered(services, openTasks(services, scope), deadline);
      return { ...ended, open: open.filter(({ id }) => !told.has(id)) };
    }
    const due = known.reduce((first, task) => Math.min(first, nextDue(task) ?? Infinity), Infinity);
    const isRung = await watch.wait(patience(services, due, deadline), signal);
    if (!isRung) known = undefined;
  }
}

/** The tasks of the scope that have not ended. @throws AgentqError `not-found` */
export async function openTasks(services: Services, scope: Scope): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  if (scope.from !== undefined) {
    for await (const task of everyTask(services.backend, { from: scope.from, statuses: openStatuses }))
      tasks.push(task);
    return tasks;
  }
  for (const id of scope.ids) tasks.push(await findTask(services, id));
  return tasks.filter((task) => !isFinished(task));
}
