import { expect } from 'vitest';
import type { Backend, ClaimRequest, Outcome, Request, TaskRequest } from '../../../src/backend/backend.ts';
import type { ErrorCode, Refusal } from '../../../src/core/errors.ts';
import type { Event } from '../../../src/core/task/event.ts';
import { evolve } from '../../../src/core/task/fold/evolve.ts';
import type { Task, TaskIn } from '../../../src/core/task/task.ts';
import { LEASE, QUEUE, ROLE } from './requests.ts';

/** Requests of the contract tests to a backend, with checks of their outcome. */
export * from './requests.ts';

/** Commits one request. */
export async function commitOne(backend: Backend, request: Request): Promise<Outcome> {
  const outcomes = await backend.commit([request]);
  expect(outcomes).toHaveLength(1);
  return outcomes[0]!;
}

/** Waits until the connection has sent its messages: a read of the inbox on the same connection waits for them. */
export async function untilSent(backend: Backend): Promise<void> {
  await backend.inbox(QUEUE, 1);
}

/** Commits the requests one by one; each must change its task. @returns the task of the last one */
export async function done(backend: Backend, ...requests: readonly TaskRequest[]): Promise<Task> {
  let task: Task | undefined;
  for (const request of requests) {
    const outcome = await commitOne(backend, request);
    expect(outcome).toMatchObject({ changed: true, task: { id: request.task_id } });
    expect(outcome.refusal).toBeUndefined();
    task = outcome.task;
  }
  return task!;
}

/** Commits one request that must be refused with this code. */
export async function refused(backend: Backend, request: TaskRequest, code: ErrorCode): Promise<Outcome> {
  const outcome = await commitOne(backend, request);
  expect(outcome).toMatchObject({ changed: false, refusal: { code } satisfies Partial<Refusal> });
  expect(outcome.refusal!.message).not.toBe('');
  return outcome;
}

export const claimRequest = (more: Partial<ClaimRequest> = {}): ClaimRequest => ({
  role: ROLE,
  worker: 'worker-1',
  lease: LEASE,
  ...more,
});

/** Claims a task. The backend must return one. */
export async function claimed(backend: Backend, more: Partial<ClaimRequest> = {}): Promise<TaskIn<'working'>> {
  const { task } = await backend.claim(claimRequest(more));
  expect(task).toMatchObject({ status: 'working', envelope: { to: more.role ?? ROLE } });
  return task!;
}

interface Idle {
  readonly next_due?: number;
  readonly held?: string;
}

/** Claims. The backend must return no task. @returns when to claim again */
export async function nothingToClaim(backend: Backend, more: Partial<ClaimRequest> = {}): Promise<Idle> {
  const answer = await backend.claim(claimRequest(more));
  expect(answer.task).toBeUndefined();
  return answer as Idle;
}

export async function idsOf(tasks: Promise<readonly Task[]>): Promise<string[]> {
  return (await tasks).map((task) => task.id);
}

export async function typesOf(history: Promise<readonly Event[]>): Promise<string[]> {
  return (await history).map((event) => event.type);
}

/** @returns the task that the events fold to */
export function fold(events: readonly Event[]): Task | undefined {
  let task: Task | undefined;
  for (const event of events) task = evolve(task, event).task;
  return task;
}

/** All answers of the port about a queue, to compare its states at two times. */
export async function everything(backend: Backend, queue = QUEUE): Promise<unknown> {
  const tasks = await backend.list({ limit: 10_000 });
  return {
    tasks,
    histories: await Promise.all(tasks.map((task) => backend.history(task.id))),
    counts: await backend.counts(),
    inbox: await backend.inbox(queue, 10_000),
  };
}
