import { nextDue } from '../../core/task/fold/due.ts';
import { AgentqError } from '../../core/errors.ts';
import { isFinished, type Task } from '../../core/task/task.ts';
import { findTask } from '../change/apply-command.ts';
import { patience, type Services } from '../workspace/services.ts';

export interface WaitRequest {
  readonly ids: readonly string[];
  /** When to give up, by the monotonic clock; Infinity for never. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/** The minimum time for a query, in ms, so that a query just before the deadline still gets its answer. */
const FAIR = 1_000;

/** The longest duration of a Node.js timer, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Waits until the tasks have ended.
 * @returns the current tasks in the order of the ids; some are unfinished if the deadline came first
 * @throws AgentqError `not-found`; `unreachable` if the queue has not answered by the deadline
 */
export async function waitFor(services: Services, request: WaitRequest): Promise<readonly Task[]> {
  const { ids, deadline, signal } = request;
  using watch = services.backend.watch('finished');
  const known = new Map<string, Task>();
  for (;;) {
    for (const id of ids) {
      const before = known.get(id);
      if (!before || !isFinished(before)) known.set(id, await answered(services, findTask(services, id), deadline));
    }
    const tasks = ids.map((id) => known.get(id)!);
    if (tasks.every(isFinished) || services.monotonic() >= deadline || signal?.aborted) return tasks;
    const due = tasks.reduce((first, task) => Math.min(first, nextDue(task) ?? Infinity), Infinity);
    await watch.wait(patience(services, due, deadline), signal);
  }
}

/** The answer to a question, or an error if it has not come by the deadline. @throws AgentqError `unreachable` */
export async function answered<T>({ monotonic }: Services, question: Promise<T>, deadline: number): Promise<T> {
  if (deadline === Infinity) return question;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(new AgentqError('unreachable', 'the queue has not answered in time', 'the tasks are not affected')),
    Math.min(Math.max(FAIR, deadline - monotonic()), LONGEST_TIMER),
  );
  return Promise.race([question, late.promise]).finally(() => clearTimeout(timer));
}
