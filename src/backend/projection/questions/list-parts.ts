import { DEFAULT_TYPE } from '../../../core/envelope/envelope.ts';
import { finishedStatuses, isOneOf, openStatuses, type Status } from '../../../core/task/task.ts';
import type { Filter } from '../../backend.ts';
import type { Connection } from '../connection.ts';
import { FINISHED } from '../schema.ts';
import { columnsWith } from './workers-column.ts';

/** The index of the queued tasks: a store and a cache have different ones, and different indexes of the open tasks. */
export type ReadyIndex = 'task_open' | 'task_ready';

export type Value = string | number;

/** A part of the tasks of a list, which an index finds. In all parts but those by time it also gives the order by number. */
export interface Part {
  /** The index; absent if SQLite may select one. */
  readonly index?: 'task_open' | 'task_of_group' | 'task_of_type' | 'task_of_worker' | 'task_finished';
  /** The condition of the part. The index answers it. */
  readonly sql?: string;
  readonly values?: readonly Value[];
  /** The fields of the filter that it covers. */
  readonly covers: readonly (keyof Filter)[];
  /** Only the tasks with these statuses, by the content of the rows. */
  readonly statuses?: readonly Status[] | undefined;
}

/**
 * Parts that contain all tasks of the filter. A filter that matches few tasks searches no index with many others: open
 * tasks are found by their status, and finished ones by group, time, worker or type.
 */
export function partsOf(db: Connection, filter: Filter, ready: ReadyIndex): Part[] {
  const { group, since, worker, type, dead, statuses } = filter;
  const byStatus = (among: readonly (Status | undefined)[]) =>
    [...new Set(among)].flatMap((status) => statusParts(db, filter, status, ready));
  if (group !== undefined && !dead)
    return [{ index: 'task_of_group', sql: 'group_name = ?', values: [group], covers: ['group'], statuses }];
  const isRareType = type !== undefined && type !== DEFAULT_TYPE;
  const isOnlyOpen = statuses?.every((status) => isOneOf(openStatuses, status)) ?? false;
  if (dead || isOnlyOpen || (since === undefined && worker === undefined && !isRareType))
    return byStatus(statuses ?? [undefined]);
  if (since === undefined && worker === undefined)
    return [{ index: 'task_of_type', sql: 'type = ?', values: [type!], covers: ['type'], statuses }];
  const open = byStatus((statuses ?? openStatuses).filter((status) => isOneOf(openStatuses, status)));
  const finished = statuses?.filter((status) => isOneOf(finishedStatuses, status));
  if (finished?.length === 0) return open;
  return [...open, ...finishedParts(db, filter).map((part) => ({ ...part, statuses: finished }))];
}

/** How many changed tasks are sorted for each page. */
const FEW = 10_000;

/**
 * The finished tasks that have changed since a moment, or else those of a worker. If many have changed, a page is not
 * found by sorting all of them, but in the order of the numbers, from the least of them on.
 */
function finishedParts(db: Connection, { since, worker }: Filter): Part[] {
  if (since !== undefined) {
    const changed = `FROM tasks INDEXED BY task_finished WHERE ${FINISHED} AND updated_at >= ?`;
    const part = { index: 'task_finished', sql: `${FINISHED} AND updated_at >= ?`, values: [since], covers: ['since'] };
    const isMany = db.get(`SELECT 1 ${changed} LIMIT 1 OFFSET ${FEW}`, since) !== undefined;
    if (!isMany) return [part as Part];
    const least = db.get<{ n: number }>(`SELECT min(n) AS n ${changed}`, since)!.n;
    return [{ sql: `n >= ? AND +${FINISHED}`, values: [least], covers: [] }];
  }
  const sql = `${FINISHED} AND workers IS NOT NULL AND workers = ?`;
  return [...columnsWith(db, worker!)].map((value) => ({
    index: 'task_of_worker',
    sql,
    values: [value],
    covers: ['worker'],
  }));
}

/** The index of the open tasks of a store is ordered by number only within a role and a rank. */
function statusParts(db: Connection, filter: Filter, status: Status | undefined, ready: ReadyIndex): Part[] {
  const { role, dead } = filter;
  if (status === undefined) return [{ covers: [] }];
  if (status === 'completed' || dead) return [{ covers: [], statuses: [status] }];
  const sql = "status = ? AND status <> 'completed'";
  if (ready === 'task_ready') return [{ sql, values: [status], covers: [] }];
  const roles = role === undefined ? [...rolesIn(db, status)] : [role];
  return roles.flatMap((one) =>
    [...ranksIn(db, status, one)].map((rank): Part => ({
      index: 'task_open',
      sql: `${sql} AND role = ? AND rank = ?`,
      values: [status, one, rank],
      covers: ['role'],
    })),
  );
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
