import { blockingBudgets } from '../../../app/budget/blocking-budgets.ts';
import { desertedRoles, type DesertedRole } from '../../../app/stuck/deserted-roles.ts';
import { stuckTasks } from '../../../app/stuck/stuck-tasks.ts';
import type { Services } from '../../../app/workspace/services.ts';
import { formatMoment } from '../../../core/duration.ts';
import { describeStuck, type Stuck } from '../../../core/task/stuck.ts';
import type { TaskIn } from '../../../core/task/task.ts';
import type { Io } from '../io.ts';
import type { Output } from '../schemas/outputs.ts';
import { usedUpLine } from './overview.ts';
import { stuckView } from './stuck-view.ts';
import { printTable } from '../table.ts';
import { iso } from '../views.ts';
import { visible } from '../visible.ts';

/** The maximum number of tasks in the report. */
const SHOWN = 100;

interface Running {
  readonly task: TaskIn<'working'>;
  readonly stuck: Stuck;
}

/** Prints what seems to be stuck: roles with work and without a worker, and running tasks. */
export async function printStuck(services: Services, io: Io, role: string | undefined): Promise<void> {
  const { backend } = services;
  const { now } = backend;
  const counts = await backend.counts();
  const roles = desertedRoles(services, counts).filter((one) => role === undefined || one.role === role);
  const usedUp = await blockingBudgets(services, { role });
  const running: Running[] = [];
  for await (const { task, stuck } of stuckTasks(services, { statuses: ['working'], ...(role && { role }) })) {
    if (task.status === 'working' && running.push({ task, stuck }) > SHOWN) break;
  }
  const shown = running.slice(0, SHOWN);
  if (io.json) return io.data(report(roles, shown, usedUp, now));
  for (const reason of usedUp) io.talk(usedUpLine(reason));
  if (usedUp.length === 0 && roles.length === 0 && shown.length === 0) return io.talk('nothing seems to be stuck');
  if (roles.length > 0)
    await printTable(io, roles, [
      { title: 'ROLE', content: 'name', cell: (one) => one.role, paint: (_role, style) => style.bold },
      { title: 'QUEUED', align: 'right', cell: ({ queued }) => String(queued) },
      { title: 'READY SINCE', cell: ({ oldest_ready_at: at }) => formatMoment(at, now) },
      {
        title: 'WORKER',
        cell: ({ seen_at: at }) => (at === undefined ? 'none seen' : `seen ${formatMoment(at, now)}`),
      },
    ]);
  if (roles.length > 0 && shown.length > 0) io.line('');
  if (shown.length > 0)
    await printTable(io, shown, [
      { title: 'WORKING', content: 'id', cell: ({ task }) => task.id, paint: (_task, style) => style.bold },
      { title: 'TO', content: 'name', drop: 2, cell: ({ task }) => task.envelope.to },
      { title: 'BY', content: 'name', drop: 1, cell: ({ task }) => visible(task.lease.worker) },
      { title: 'STUCK', content: 'text', cell: ({ stuck }) => describeStuck(stuck, now) },
    ]);
  const ofRole = role === undefined ? '' : ` --to ${role}`;
  if (running.length > SHOWN) io.hint(`there are more: agentq list --stuck --status working${ofRole}`);
}

function report(
  roles: readonly DesertedRole[],
  running: readonly Running[],
  usedUp: readonly string[],
  now: number,
): Output<'status --stuck'> {
  return {
    ...(usedUp.length > 0 && { budgets_used_up: [...usedUp] }),
    roles: roles.map(({ role, queued, oldest_ready_at, seen_at }) => ({
      role,
      queued,
      oldest_ready_at: iso(oldest_ready_at),
      ...(seen_at !== undefined && { worker_seen_at: iso(seen_at) }),
    })),
    tasks: running.map(({ task, stuck }) => ({
      task_id: task.id,
      to: task.envelope.to,
      attempt: task.lease.attempt,
      worker: task.lease.worker,
      stuck: stuckView(stuck, now),
    })),
  };
}
