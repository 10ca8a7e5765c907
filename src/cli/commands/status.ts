import { describeDrift } from '../../artifacts/store.ts';
import { findTask } from '../../app/apply-command.ts';
import type { Services } from '../../app/workspace/services.ts';
import { awayStore, evidenceOf, findDrift } from '../../app/evidence/verify.ts';
import type { Counts, RoleCount } from '../../backend/backend.ts';
import { counted } from '../../core/counted.ts';
import { formatDuration, formatMoment } from '../../core/duration.ts';
import type { Status, Task } from '../../core/task/task.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Io } from '../output/io.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';
import { bar } from '../output/line.ts';
import { type Column, printTable } from '../output/table.ts';
import { FACT, taskLines } from '../output/task-text.ts';
import { driftView, iso, taskView } from '../output/views.ts';
import { visible } from '../output/visible.ts';

/** The number of running tasks in the overview, and the number of tasks from which it selects them. */
const SHOWN = 10;
const MANY = 1_000;

/** How long a worker is shown after its last request for work, in ms. */
const SEEN = 3_600_000;

export const define: Define = (command, context) =>
  command.argument('[id]').action(async (id: string | undefined) => {
    const cli = context();
    const services = await cli.services();
    await (id === undefined ? overview(services, cli.io) : oneTask(services, cli.io, id));
  });

async function oneTask(services: Services, io: Io, id: string): Promise<void> {
  const { store, backend } = services;
  const task = await findTask(services, id);
  const differing = await findDrift(store, evidenceOf(task));
  const away = differing.length > 0 ? await awayStore(store) : undefined;
  const drifts = away ? [] : differing;
  if (io.json) {
    io.data({
      ...taskView(store, task),
      drift: drifts.map((drift) => driftView(store, drift)),
    } satisfies Output<'status ID'>);
  } else {
    const style = await io.style();
    for (const line of taskLines(task, backend.now, style)) io.prose(line, FACT);
    for (const drift of drifts) io.prose(style.red(`drift      ${visible(describeDrift(drift))}`), FACT);
  }
  if (away) throw away;
  if (drifts.length > 0) {
    throw new AgentqError('drift', `${id}: ${drifts.map(describeDrift).join('; ')}`, 'do not trust it: agentq doctor');
  }
}

/** A column only for queues that have such tasks, because a terminal is narrow. */
const EXPIRED: Column<RoleCount> = {
  title: 'EXPIRED',
  align: 'right',
  drop: 4,
  cell: ({ tasks }) => String(tasks.expired),
  paint: (_role, style) => style.red,
};

async function overview({ backend }: Services, io: Io): Promise<void> {
  const counts = await backend.counts();
  if (io.json) return io.data(overviewView(counts, backend.now));
  const { now } = backend;
  if (counts.roles.length === 0) return io.talk('nothing has been submitted yet: agentq submit --help');
  const sum = (role: RoleCount, status: Status) => String(role.tasks[status]);
  await printTable(io, counts.roles, [
    { title: 'ROLE', content: 'name', cell: ({ role }) => role, paint: (_role, style) => style.bold },
    { title: 'QUEUED', align: 'right', cell: (role) => sum(role, 'queued') },
    {
      title: 'OLDEST',
      align: 'right',
      drop: 3,
      cell: ({ oldest_ready_at: at }) => (at === undefined ? '-' : formatDuration(now - at)),
    },
    { title: 'SCHEDULED', align: 'right', drop: 2, cell: (role) => sum(role, 'scheduled') },
    { title: 'WORKING', align: 'right', cell: (role) => sum(role, 'working'), paint: (_role, style) => style.yellow },
    {
      title: 'DONE',
      align: 'right',
      drop: 6,
      cell: (role) => sum(role, 'completed'),
      paint: (_role, style) => style.green,
    },
    {
      title: 'FAILED',
      align: 'right',
      drop: 7,
      cell: (role) => sum(role, 'failed'),
      paint: (_role, style) => style.red,
    },
    ...(counts.roles.some(({ tasks }) => tasks.expired > 0) ? [EXPIRED] : []),
    { title: 'CANCELLED', align: 'right', drop: 1, cell: (role) => sum(role, 'cancelled') },
    { title: 'WORKERS', drop: 5, cell: ({ role }) => workersOf(counts, role, now) },
  ]);
  const running = await backend.list({ statuses: ['working'], limit: MANY });
  if (running.length > 0) {
    io.line('');
    await printRunning(io, running, now);
    if (running.length > SHOWN) io.talk(`and ${running.length - SHOWN} more: agentq list --status working`);
  }
  if (counts.dead > 0) io.talk(`${counted(counts.dead, 'dead letter')}: agentq dlq`);
}

function workersOf({ workers }: Counts, role: string, now: number): string {
  const seen = workers.filter((worker) => worker.role === role && now - worker.seen_at < SEEN);
  return seen.length === 0 ? 'none seen' : `${seen.length}, last ${formatMoment(seen[0]!.seen_at, now)}`;
}

async function printRunning(io: Io, tasks: readonly Task[], now: number): Promise<void> {
  // The longest-running tasks come first, because they may be stuck.
  const working = tasks
    .filter((task) => task.status === 'working')
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

function overviewView({ roles, workers, dead }: Counts, now: number): Output<'status'> {
  return {
    roles: roles.map(({ role, tasks, oldest_ready_at }) => ({
      role,
      tasks: { ...tasks },
      ...(oldest_ready_at !== undefined && { oldest_ready_at: iso(oldest_ready_at) }),
      workers: workers
        .filter((worker) => worker.role === role && now - worker.seen_at < SEEN)
        .map(({ worker, seen_at }) => ({ worker, seen_at: iso(seen_at) })),
    })),
    dead,
  };
}
