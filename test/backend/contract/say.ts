import { expect } from 'vitest';
import type { Backend, ClaimRequest, Outcome, Request } from '../../../src/backend/backend.ts';
import type { Command, CommandOf } from '../../../src/core/command.ts';
import type { Envelope } from '../../../src/core/envelope.ts';
import type { ErrorCode, Refusal } from '../../../src/core/errors.ts';
import type { Evidence } from '../../../src/core/evidence.ts';
import type { Event } from '../../../src/core/event.ts';
import { evolve } from '../../../src/core/evolve.ts';
import type { Task, TaskIn } from '../../../src/core/task.ts';

/** The short words in which the tests of the contract speak to a backend. */

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const LEASE = 10 * MINUTE;

/** The role that tasks go to unless a test says otherwise. */
export const ROLE = 'coder';
/** Where their result messages go. */
export const QUEUE = 'results.lead';

export function envelope(task_id: string, more: Partial<Envelope> = {}): Envelope {
  return {
    task_id,
    from: 'lead',
    to: ROLE,
    reply_to: QUEUE,
    type: 'task',
    priority: 'normal',
    instructions: `do ${task_id}`,
    ...more,
  };
}

export function evidence(name: string, more: Partial<Evidence> = {}): Evidence {
  return { name, path: `artifacts/${name}`, sha256: 'ab'.repeat(32), size: 7, ...more };
}

export const say = (task_id: string, command: Command): Request => ({ task_id, command });

export const submit = (id: string, more: Partial<Envelope> = {}): Request =>
  say(id, { type: 'submit', envelope: envelope(id, more) });

type Said<T extends Command['type']> = Partial<Omit<CommandOf<T>, 'type'>>;

export const renew = (id: string, attempt?: number, more: Said<'renew'> = {}): Request =>
  say(id, { type: 'renew', by: ROLE, attempt, lease: LEASE, ...more });

export const complete = (id: string, attempt?: number, more: Said<'complete'> = {}): Request =>
  say(id, { type: 'complete', by: ROLE, attempt, artifacts: [], ...more });

export const fail = (id: string, attempt?: number, more: Said<'fail'> = {}): Request =>
  say(id, { type: 'fail', by: ROLE, attempt, reason: 'it broke', artifacts: [], ...more });

export const release = (id: string, attempt?: number, more: Said<'release'> = {}): Request =>
  say(id, { type: 'release', by: ROLE, attempt, reason: 'not now', ...more });

export const cancel = (id: string, reason?: string): Request =>
  say(id, { type: 'cancel', by: 'lead', ...(reason !== undefined && { reason }) });

export const retry = (id: string): Request => say(id, { type: 'retry', by: 'lead' });

export const dismiss = (id: string): Request => say(id, { type: 'dismiss', by: 'lead' });

/** Commits one request. */
export async function tell(backend: Backend, request: Request): Promise<Outcome> {
  const outcomes = await backend.commit([request]);
  expect(outcomes).toHaveLength(1);
  return outcomes[0]!;
}

/** Commits each request by itself; each must change its task. @returns the last one's task */
export async function done(backend: Backend, ...requests: readonly Request[]): Promise<Task> {
  let task: Task | undefined;
  for (const request of requests) {
    const outcome = await tell(backend, request);
    expect(outcome).toMatchObject({ changed: true, task: { id: request.task_id } });
    expect(outcome.refusal).toBeUndefined();
    task = outcome.task;
  }
  return task!;
}

/** Commits one request that must be refused for this reason. */
export async function refused(backend: Backend, request: Request, code: ErrorCode): Promise<Outcome> {
  const outcome = await tell(backend, request);
  expect(outcome).toMatchObject({ changed: false, refusal: { code } satisfies Partial<Refusal> });
  expect(outcome.refusal!.message).not.toBe('');
  return outcome;
}

export const ask = (more: Partial<ClaimRequest> = {}): ClaimRequest => ({
  role: ROLE,
  worker: 'worker-1',
  lease: LEASE,
  ...more,
});

/** Claims, and must be given a task. */
export async function claimed(backend: Backend, more: Partial<ClaimRequest> = {}): Promise<TaskIn<'working'>> {
  const { task } = await backend.claim(ask(more));
  expect(task).toMatchObject({ status: 'working', envelope: { to: more.role ?? ROLE } });
  return task!;
}

/** Claims, and must be given nothing. @returns when to ask again */
export async function nothingToClaim(
  backend: Backend,
  more: Partial<ClaimRequest> = {},
): Promise<{ readonly next_due?: number }> {
  const answer = await backend.claim(ask(more));
  expect(answer.task).toBeUndefined();
  return answer as { next_due?: number };
}

export async function idsOf(tasks: Promise<readonly Task[]>): Promise<string[]> {
  return (await tasks).map((task) => task.id);
}

export async function typesOf(history: Promise<readonly Event[]>): Promise<string[]> {
  return (await history).map((event) => event.type);
}

/** What the events amount to. */
export function fold(events: readonly Event[]): Task | undefined {
  let task: Task | undefined;
  for (const event of events) task = evolve(task, event).task;
  return task;
}

/** Everything that the port shows of a queue, for comparing two moments. */
export async function everything(backend: Backend, queue = QUEUE): Promise<unknown> {
  const tasks = await backend.list({ limit: 10_000 });
  return {
    tasks,
    histories: await Promise.all(tasks.map((task) => backend.history(task.id))),
    counts: await backend.counts(),
    inbox: (await backend.inbox(queue, 10_000)).tasks,
  };
}
