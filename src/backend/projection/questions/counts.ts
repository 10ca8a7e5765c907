import { statuses, type Status } from '../../../core/task/task.ts';
import type { Counts, RoleCount, WorkerSeen } from '../../backend.ts';
import type { Connection } from '../connection.ts';
import { list } from './list.ts';
import type { ReadyIndex } from './list-parts.ts';

/** More workers than ever run at once. */
const MANY = 10_000;

export function counts(db: Connection, ready: ReadyIndex): Counts {
  const workers = workersSeen(db, ready);
  const roles = new Map<string, RoleCount>();
  const add = (role: string, tasks: Partial<RoleCount['tasks']>, more: Omit<RoleCount, 'role' | 'tasks'> = {}) => {
    const known = roles.get(role) ?? { role, tasks: none };
    roles.set(role, { ...known, ...more, tasks: { ...known.tasks, ...tasks } });
  };
  for (const { role, status, n } of db.all<{ role: string; status: Status; n: number }>(
    "SELECT role, status, count(*) AS n FROM tasks INDEXED BY task_open WHERE status <> 'completed' GROUP BY status, role",
  )) {
    add(role, { [status]: n });
  }
  // Tasks that are not open are completed.
  for (const { role, n } of db.all<{ role: string; n: number }>(
    'SELECT role, count(*) AS n FROM tasks INDEXED BY task_of_sender GROUP BY role',
  )) {
    const others = Object.values(roles.get(role)?.tasks ?? none).reduce((sum, count) => sum + count, 0);
    add(role, { completed: n - others });
  }
  for (const { role, oldest } of db.all<{ role: string; oldest: number }>(
    `SELECT role, min(ready_at) AS oldest FROM tasks INDEXED BY ${ready}
     WHERE status = 'queued' AND status <> 'completed' GROUP BY role`,
  )) {
    add(role, {}, { oldest_ready_at: oldest });
  }
  for (const { role, next } of db.all<{ role: string; next: number }>(
    `SELECT role, min(due_at) AS next FROM tasks INDEXED BY task_open
     WHERE status = 'scheduled' AND status <> 'completed' GROUP BY role`,
  )) {
    add(role, {}, { next_due_at: next });
  }
  for (const { role } of workers) add(role, {});
  return {
    roles: [...roles.values()].toSorted((a, b) => (a.role < b.role ? -1 : 1)),
    workers,
    dead: db.get<{ n: number }>('SELECT count(*) AS n FROM tasks INDEXED BY task_dead WHERE dead = 1')!.n,
  };
}

const none = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>;

/** The workers that asked for work, and those that have renewed a lease: busy workers do not ask. */
function workersSeen(db: Connection, ready: ReadyIndex): WorkerSeen[] {
  const seen = new Map<string, WorkerSeen>();
  const see = (one: WorkerSeen) => {
    const key = `${one.role} ${one.worker}`;
    if ((seen.get(key)?.seen_at ?? 0) < one.seen_at) seen.set(key, one);
  };
  for (const { name, role, seen_at } of db.all<{ name: string; role: string; seen_at: number }>(
    'SELECT * FROM workers',
  )) {
    see({ worker: name, role, seen_at });
  }
  for (const task of list(db, { statuses: ['working'], limit: MANY }, ready)) {
    if (task.status === 'working') see({ worker: task.lease.worker, role: task.envelope.to, seen_at: task.updated_at });
  }
  return [...seen.values()].toSorted((a, b) => b.seen_at - a.seen_at);
}
