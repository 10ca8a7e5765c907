import { statuses, type Status, type Task } from '../../core/task/task.ts';
import type { Counts, Filter, RoleCount, WorkerSeen } from '../backend.ts';
import type { Connection } from './connection.ts';
import { ABSENT, AbsentStates, type StoredRow, toRow } from './rows.ts';

/** More workers than ever run at once. */
const MANY = 10_000;

/** The index of the queued tasks: a store and a cache have different ones, and different indexes of the open tasks. */
export type ReadyIndex = 'task_open' | 'task_ready';

/**
 * Newest first. Each query has an index that gives its order, so that a page costs the same however many tasks follow.
 * @throws AbsentStates
 */
export function list(db: Connection, filter: Filter, ready: ReadyIndex): Task[] {
  const numbers = [...new Set(filter.statuses ?? [undefined])]
    .flatMap((status) => partsOf(db, filter, status, ready))
    .flatMap((part) => numbersIn(db, filter, part))
    .toSorted((a, b) => b - a)
    .slice(0, filter.limit);
  // The states are read only for the rows that are returned.
  const found = db
    .all<StoredRow>('SELECT n, state FROM tasks WHERE n IN (SELECT value FROM json_each(?))', JSON.stringify(numbers))
    .toSorted((a, b) => b.n - a.n);
  const absent = found.filter(({ state }) => state === ABSENT).map(({ n }) => n);
  if (absent.length > 0) throw new AbsentStates(absent);
  return found.map((stored) => toRow(stored).task);
}

/** A part of the tasks of a list, in which an index gives the order by number. */
interface Part {
  readonly status?: Status | undefined;
  readonly role?: string | undefined;
  readonly rank?: number;
}

/** The index of the open tasks of a store is ordered by number only within a role and a rank. */
function partsOf(db: Connection, filter: Filter, status: Status | undefined, ready: ReadyIndex): Part[] {
  const { role, dead } = filter;
  if (ready === 'task_ready' || status === undefined || status === 'completed' || dead) return [{ status, role }];
  const roles = role === undefined ? [...rolesIn(db, status)] : [role];
  return roles.flatMap((one) => [...ranksIn(db, status, one)].map((rank) => ({ status, role: one, rank })));
}

/** Finds each role by one search in the index. */
function* rolesIn(db: Connection, status: Status): Generator<string> {
  const sql = "SELECT min(role) AS role FROM tasks WHERE status = ? AND status <> 'completed' AND role > ?";
  const after = (role: string) => db.get<{ role: string | null }>(sql, status, role)!.role;
  for (let role = after(''); role !== null; role = after(role)) yield role;
}

/** The same for the ranks of the tasks of a role. */
function* ranksIn(db: Connection, status: Status, role: string): Generator<number> {
  const sql = `SELECT max(rank) AS rank FROM tasks
    WHERE status = ? AND status <> 'completed' AND role = ? AND rank < ?`;
  const below = (rank: number) => db.get<{ rank: number | null }>(sql, status, role, rank)!.rank;
  for (let rank = below(Number.MAX_SAFE_INTEGER); rank !== null; rank = below(rank)) yield rank;
}

/** The highest numbers of the tasks in a part. A `+` keeps SQLite from using the index of that column. */
function numbersIn(db: Connection, filter: Filter, { status, role, rank }: Part): number[] {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  const term = (sql: string, ...bound: (string | number)[]) => {
    terms.push(sql);
    values.push(...bound);
  };
  const plus = rank === undefined ? '' : '+';
  if (filter.id_prefix !== undefined)
    term(`${plus}id >= ? AND ${plus}id < ?`, filter.id_prefix, `${filter.id_prefix}\u{10ffff}`);
  if (filter.from !== undefined) term(`${plus}sender = ?`, filter.from);
  if (role !== undefined) term('role = ?', role);
  if (rank !== undefined) term('rank = ?', rank);
  if (filter.dead) term('dead = 1');
  if (status !== undefined && (filter.dead || status === 'completed')) term('+status = ?', status);
  else if (status !== undefined) term("status = ? AND status <> 'completed'", status);
  if (filter.before !== undefined) term('n < (SELECT n FROM tasks WHERE id = ?)', filter.before);
  const where = terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : '';
  return db
    .all<{ n: number }>(`SELECT n FROM tasks ${where} ORDER BY n DESC LIMIT ?`, ...values, filter.limit)
    .map(({ n }) => n);
}

export function counts(db: Connection, ready: ReadyIndex): Counts {
  const workers = workersSeen(db, ready);
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
