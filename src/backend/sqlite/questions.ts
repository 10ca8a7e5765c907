import { statuses, type Status, type Task } from '../../core/task.ts';
import type { Counts, Filter, RoleCount, WorkerSeen } from '../backend.ts';
import type { Connection } from './connection.ts';

/** Newest first. */
export function list(db: Connection, filter: Filter): Task[] {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  const term = (sql: string, ...bound: (string | number)[]) => {
    terms.push(sql);
    values.push(...bound);
  };
  if (filter.id_prefix !== undefined) term('id >= ? AND id < ?', filter.id_prefix, `${filter.id_prefix}\u{10ffff}`);
  if (filter.from !== undefined) term('sender = ?', filter.from);
  if (filter.role !== undefined) term('role = ?', filter.role);
  if (filter.statuses) term(`status IN (${filter.statuses.map(() => '?').join()})`, ...filter.statuses);
  if (filter.dead) term('dead = 1');
  if (filter.before !== undefined) term('n < (SELECT n FROM task WHERE id = ?)', filter.before);
  const where = terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : '';
  return db
    .all<{ state: string }>(`SELECT state FROM task ${where} ORDER BY n DESC LIMIT ?`, ...values, filter.limit)
    .map(({ state }) => JSON.parse(state) as Task);
}

export function counts(db: Connection): Counts {
  const roles = new Map<string, { tasks: Record<Status, number>; oldest_ready_at?: number }>();
  const of = (role: string) => {
    const known = roles.get(role);
    if (known) return known;
    const fresh = {
      tasks: Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>,
    };
    roles.set(role, fresh);
    return fresh;
  };
  for (const row of db.all<{ role: string; status: Status; n: number }>(
    'SELECT role, status, count(*) AS n FROM task INDEXED BY task_of_role GROUP BY role, status',
  )) {
    of(row.role).tasks[row.status] = row.n;
  }
  for (const row of db.all<{ role: string; oldest: number }>(
    "SELECT role, min(ready_at) AS oldest FROM task INDEXED BY task_ready WHERE status = 'queued' GROUP BY role",
  )) {
    Object.assign(of(row.role), { oldest_ready_at: row.oldest });
  }
  const workers = db.all<WorkerSeen>('SELECT name AS worker, role, seen_at FROM worker ORDER BY seen_at DESC');
  for (const { role } of workers) of(role);
  return {
    roles: [...roles]
      .map(([role, count]): RoleCount => ({ role, ...count }))
      .toSorted((a, b) => (a.role < b.role ? -1 : 1)),
    workers: workers.map((worker) => ({ ...worker })),
    dead: db.get<{ n: number }>('SELECT count(*) AS n FROM task INDEXED BY task_dead WHERE dead = 1')!.n,
  };
}
