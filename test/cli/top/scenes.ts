import type { LiveQueue } from '../../../src/app/top/live-queue.ts';
import { beginning, type Effect, type Message, type Size, type State } from '../../../src/cli/top/model.ts';
import { update } from '../../../src/cli/top/update.ts';
import type { Envelope } from '../../../src/core/envelope/envelope.ts';
import { statuses, type Status, type Task, type TaskIn } from '../../../src/core/task/task.ts';
import { claim, fail, renew, ROLE, story, submit, T0 } from '../../core/tasks.ts';

/** Half an hour after the beginning of every story. */
export const NOW = T0 + 1_800_000;

const taskOf = <S extends Status>(task: Task | undefined): TaskIn<S> => task as TaskIn<S>;

export const working = (id: string, more: Partial<Envelope> = {}, note = `note of ${id}`): TaskIn<'working'> =>
  taskOf(
    story(
      submit({ task_id: id, ...more }),
      claim(`worker-of-${id}`),
      renew({ by: more.to ?? ROLE, percent: 40, note, lease: 3_600_000, cost: { usd: 0.12 } }),
    ).task,
  );

export const dead = (id: string, reason: string): TaskIn<'failed'> =>
  taskOf(story(submit({ task_id: id }), claim(), fail({ attempt: 1, reason })).task);

export const queued = (id: string, more: Partial<Envelope> = {}): TaskIn<'queued'> =>
  taskOf(story(submit({ task_id: id, ...more })).task);

const none = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>;

export function overview(tasks: Partial<Pick<LiveQueue, 'working' | 'dead' | 'waiting'>>): LiveQueue {
  const { working = [], dead = [], waiting = [] } = tasks;
  const names = [...new Set([...working, ...dead, ...waiting].map(({ envelope }) => envelope.to))].toSorted();
  const of = (role: string, some: readonly Task[]) => some.filter(({ envelope }) => envelope.to === role).length;
  const roles = names.map((role) => ({
    role,
    tasks: { ...none, queued: of(role, waiting), working: of(role, working), failed: of(role, dead) },
    ...(of(role, waiting) > 0 && { oldest_ready_at: T0 }),
  }));
  return { at: NOW, counts: { roles, workers: [], dead: dead.length }, working, dead, waiting };
}

/** The model after some messages, and the effects of the last one. A text stands for a key. */
export function after(
  size: Size,
  ...messages: readonly (Message | string)[]
): { readonly state: State; readonly effects: readonly Effect[] } {
  let last: { state: State; effects: readonly Effect[] } = { state: beginning(size), effects: [] };
  for (const message of messages)
    last = update(last.state, typeof message === 'string' ? { type: 'key', key: message } : message);
  return last;
}
