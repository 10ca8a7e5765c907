import type { Overview } from '../../../app/overview.ts';
import type { Counts, RoleCount } from '../../../backend/backend.ts';
import { type Cost, formatCost } from '../../../core/cost.ts';
import { counted } from '../../../core/counted.ts';
import { formatDuration, formatMoment } from '../../../core/duration.ts';
import type { Status } from '../../../core/task/task.ts';
import type { Io } from '../io.ts';
import { bar } from '../line.ts';
import type { Output } from '../schemas/outputs.ts';
import { type Column, printTable } from '../table.ts';
import { iso } from '../views.ts';
import { visible } from '../visible.ts';

/** The number of running tasks in the overview. */
const SHOWN = 10;

/** How long a worker is shown after its last request for work, in ms. */
const SEEN = 3_600_000;

/** A column only for queues that have such tasks, because a terminal is narrow. */
const EXPIRED: Column<RoleCount> = {
  title: 'EXPIRED',
  align: 'right',
  drop: 4,
  cell: ({ tasks }) => String(tasks.expired),
  paint: (_role, style) => style.red,
};

/** A column only for queues with scheduled tasks. @param now ms since 1970 */
const nextStart = (now: number): Column<RoleCount> => ({
  title: 'NEXT',
  drop: 5,
  cell: ({ next_due_at: at }) => (at === undefined ? '-' : formatMoment(at, now)),
});

/** A column only for queues whose tasks have reported a cost. */
const costColumn = (costs: Overview['costs']): Column<RoleCount> => ({
  title: 'COST',
  drop: 3,
  cell: ({ role }) => formatCost(costs.get(`role.${role}`) ?? {}) || '-',
});

const GROUP = 'group.';

/** The groups whose tasks have reported a cost. */
function groupsIn(costs: Overview['costs']): readonly { readonly group: string; readonly cost: Cost }[] {
  return [...costs].flatMap(([scope, cost]) =>
    scope.startsWith(GROUP) ? [{ group: scope.slice(GROUP.length), cost }] : [],
  );
}

/** Prints an overview for people. */
export async function printOverview(io: Io, { counts, costs, running, usedUp, now, role }: Overview): Promise<void> {
  if (counts.roles.length === 0)
    return io.hint(role === undefined ? 'nothing has been submitted yet: agentq submit --help' : `${role}: no tasks`);
  const sum = (role: RoleCount, status: Status) => String(role.tasks[status]);
  await printTable(io, counts.roles, [
    { title: 'ROLE', content: 'name', cell: ({ role }) => role, paint: (_role, style) => style.bold },
    { title: 'QUEUED', align: 'right', cell: (role) => sum(role, 'queued') },
    {
      title: 'OLDEST',
      align: 'right',
      drop: 8,
      cell: ({ oldest_ready_at: at }) => (at === undefined ? '-' : formatDuration(now - at)),
    },
    { title: 'SCHEDULED', align: 'right', drop: 7, cell: (role) => sum(role, 'scheduled') },
    ...(counts.roles.some(({ next_due_at }) => next_due_at !== undefined) ? [nextStart(now)] : []),
    { title: 'WORKING', align: 'right', cell: (role) => sum(role, 'working'), paint: (_role, style) => style.yellow },
    {
      title: 'DONE',
      align: 'right',
      drop: 2,
      cell: (role) => sum(role, 'completed'),
      paint: (_role, style) => style.green,
    },
    {
      title: 'FAILED',
      align: 'right',
      drop: 9,
      cell: (role) => sum(role, 'failed'),
      paint: (_role, style) => style.red,
    },
    ...(counts.roles.some(({ tasks }) => tasks.expired > 0) ? [EXPIRED] : []),
    { title: 'CANCELLED', align: 'right', drop: 1, cell: (role) => sum(role, 'cancelled') },
    ...(counts.roles.some(({ role }) => costs.has(`role.${role}`)) ? [costColumn(costs)] : []),
    { title: 'WORKERS', drop: 6, cell: ({ role }) => workersOf(counts, role, now) },
  ]);
  const groups = role === undefined ? groupsIn(costs) : [];
  if (groups.length > 0) {
    io.line('');
    await printTable(io, groups, [
      { title: 'GROUP', content: 'name', cell: ({ group }) => group, paint: (_group, style) => style.bold },
      { title: 'COST', cell: ({ cost }) => formatCost(cost) },
    ]);
  }
  if (running.length > 0) {
    io.line('');
    await printRunning(io, running, now);
    const ofRole = role === undefined ? '' : ` --to ${role}`;
    if (running.length > SHOWN) io.hint(`and ${running.length - SHOWN} more: agentq list --status working${ofRole}`);
  }
  for (const reason of usedUp) io.talk(usedUpLine(reason));
  if (counts.dead > 0) io.hint(`${counted(counts.dead, 'dead letter')}: agentq dlq`);
}

/** What follows from a used-up budget for which tasks wait. */
export const usedUpLine = (reason: string): string => `${reason}; no task that it covers begins`;

function workersOf({ workers }: Counts, role: string, now: number): string {
  const seen = workers.filter((worker) => worker.role === role && now - worker.seen_at < SEEN);
  return seen.length === 0 ? 'none seen' : `${seen.length}, last ${formatMoment(seen[0]!.seen_at, now)}`;
}

async function printRunning(io: Io, tasks: Overview['running'], now: number): Promise<void> {
  // The longest-running tasks come first, because they may be stuck.
  const working = tasks
    .toSorted((a, b) => a.attempts.at(-1)!.started_at - b.attempts.at(-1)!.started_at)
    .slice(0, SHOWN);
  await printTable(io, working, [
    { title: 'WORKING', content: 'id', cell: ({ id }) => id, paint: (_task, style) => style.bold },
    { title: 'BY', content: 'name', drop: 4, cell: (task) => visible(task.lease.worker) },
    { title: 'FOR', align: 'right', cell: (task) => formatDuration(now - task.attempts.at(-1)!.started_at) },
    { title: 'LEASE ENDS', drop: 1, cell: (task) => formatMoment(task.lease.expires_at, now) },
    {
      title: 'PROGRESS',
      drop: 3,
      cell: ({ progress }) => (progress?.percent === undefined ? '' : bar(progress.percent, 10)),
    },
    { title: 'NOTE', content: 'text', drop: 2, cell: ({ progress }) => visible(progress?.note ?? '') },
  ]);
}

/** An overview in the form of the JSON output. */
export function overviewView(overview: Overview): Output<'status'> {
  const { counts, costs, usedUp, now, role: only } = overview;
  const { roles, workers, dead } = counts;
  const groups = only === undefined ? groupsIn(costs) : [];
  return {
    roles: roles.map(({ role, tasks, oldest_ready_at, next_due_at }) => ({
      role,
      tasks: { ...tasks },
      ...(oldest_ready_at !== undefined && { oldest_ready_at: iso(oldest_ready_at) }),
      ...(next_due_at !== undefined && { next_due_at: iso(next_due_at) }),
      ...(costs.has(`role.${role}`) && { cost: { ...costs.get(`role.${role}`) } }),
      workers: workers
        .filter((worker) => worker.role === role && now - worker.seen_at < SEEN)
        .map(({ worker, seen_at }) => ({ worker, seen_at: iso(seen_at) })),
    })),
    dead,
    ...(usedUp.length > 0 && { budgets_used_up: [...usedUp] }),
    ...(groups.length > 0 && { groups: groups.map(({ group, cost }) => ({ group, cost: { ...cost } })) }),
  };
}

/** What an overview tells without its times: it changes only when a person should look again. */
export function gist(overview: Overview): string {
  const roles = overviewView(overview).roles.map(({ workers, ...role }) => [role, workers.map(({ worker }) => worker)]);
  const running = overview.running.map(({ id, lease, progress }) => {
    return [id, lease.attempt, progress?.percent, progress?.note];
  });
  return JSON.stringify([roles, running, overview.counts.dead, overview.usedUp]);
}
