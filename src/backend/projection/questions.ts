import { statuses, type Status, type Task } from '../../core/task/task.ts';
import type { Counts, Filter, RoleCount, WorkerSeen } from '../backend.ts';
import type { Connection } from './connection.ts';
import { ABSENT, AbsentStates, type StoredRow, toRow } from './rows.ts';

/** More workers than ever run at once. */
const MANY = 10_000;

/**
 * Newest first. Each status has its own query, so that an index finds its tasks.
 * @throws AbsentStates
 */
export function list(db: Connection, filter: Filter): Task[] {
  const found = [...new Set(filter.statuses ?? [undefined])]
    .flatMap((status) => ask(db, filter, status))
    .toSorted((a, b) => b.n - a.n)
    .slice(0, filter.limit);
  const absent = found.filter(({ state }) => state === ABSENT).map(({ n }) => n);
  if (absent.length > 0) throw new AbsentStates(absent);
  return found.map((stored) => toRow(stored).task);
}

function ask(db: Connection, filter: Filter, status: Status | undefined): StoredRow[] {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  const term = (sql: string, ...bound: (string | number)[]) => {
    terms.push(sql);
    values.push(...bound);
  };
  if (filter.id_prefix !== undefined) term('id >= ? AND id < ?', filter.id_prefix, `${filter.id_prefix}\u{10ffff}`);
  if (filter.from !== undefined) term('sender = ?', filter.from);
  if (filter.role !== undefined) term('role = ?', filter.role);
  if (status !== undefined)
    term(status === 'completed' ? 'status = ?' : "status = ? AND status <> 'completed'", status);
  if (filter.dead) term('dead = 1');
  if (filter.before !== undefined) term('n < (SELECT n FROM tasks WHERE id = ?)', filter.before);
  const where = terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : '';
  // The states are read only for the rows that are returned, also if the index does not give the order.
  const found = `SELECT n FROM tasks ${where} ORDER BY n DESC LIMIT ?`;
  return db.all<StoredRow>(`SELECT n, state FROM tasks WHERE n IN (${found})`, ...values, filter.limit);
}

/** @param ready the index of the queued tasks: a store and a cache have different ones */
export function counts(db: Connection, ready: 'task_open' | 'task_ready'): Counts {
  const workers = workersSeen(db);
  const roles = new Map<string, RoleCount>();
  const add = (role: string, tasks: Partial<RoleCount['tasks']>, more: { oldest_ready_at?: number } = {}) => {
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
  for (const { role } of workers) add(role, {});
  return {
    roles: [...roles.values()].toSorted((a, b) => (a.role < b.role ? -1 : 1)),
    workers,
    dead: db.get<{ n: number }>('SELECT count(*) AS n FROM tasks INDEXED BY task_dead WHERE dead = 1')!.n,
  };
}

const none = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>;

/** The workers that asked for work, and those that have renewed a lease: busy workers do not ask. */
function workersSeen(db: Connection): WorkerSeen[] {
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
  for (const task of list(db, { statuses: ['working'], limit: MANY })) {
    if (task.status === 'working') see({ worker: task.lease.worker, role: task.envelope.to, seen_at: task.updated_at });
  }
  return [...seen.values()].toSorted((a, b) => b.seen_at - a.seen_at);
}
