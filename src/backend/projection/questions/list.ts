import { DEFAULT_TYPE } from '../../../core/envelope/envelope.ts';
import type { Task } from '../../../core/task/task.ts';
import type { Filter } from '../../backend.ts';
import type { Connection } from '../connection.ts';
import { ABSENT, AbsentStates, type StoredRow, toRow } from '../rows.ts';
import { type Part, partsOf, type ReadyIndex, type Value } from './list-parts.ts';
import { HOLDS_WORKER } from './workers-column.ts';

/**
 * Newest first. Each query has an index that gives its order, so that a page costs the same however many tasks follow.
 * Only the tasks that have changed since a moment are sorted.
 * @throws AbsentStates
 */
export function list(db: Connection, filter: Filter, ready: ReadyIndex): Task[] {
  const numbers = partsOf(db, filter, ready)
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

/** The highest numbers of the tasks in a part. A `+` keeps SQLite from using the index of that column. */
function numbersIn(db: Connection, filter: Filter, part: Part): number[] {
  const terms: string[] = [];
  const values: Value[] = [];
  const term = (sql: string, ...bound: readonly Value[]) => {
    terms.push(sql);
    values.push(...bound);
  };
  const { id_prefix, from, role, type, group, worker, since, before } = filter;
  const { index, sql, covers, statuses } = part;
  const isLeft = (field: keyof Filter) => filter[field] !== undefined && !covers.includes(field);
  const plus = index === undefined ? '' : '+';
  if (sql !== undefined) term(sql, ...(part.values ?? []));
  if (id_prefix !== undefined) term(`${plus}id >= ? AND ${plus}id < ?`, id_prefix, `${id_prefix}\u{10ffff}`);
  if (from !== undefined) term(`${plus}sender = ?`, from);
  if (isLeft('role')) term(`${plus}role = ?`, role!);
  if (filter.dead) term('dead = 1');
  if (statuses) term(`+status IN (${statuses.map(() => '?').join(', ')})`, ...statuses);
  if (isLeft('type')) {
    if (type === DEFAULT_TYPE) term('+type IS NULL');
    else term('+type = ?', type!);
  }
  if (isLeft('group')) term('+group_name = ?', group!);
  if (isLeft('worker')) term(HOLDS_WORKER, worker!, worker!);
  if (isLeft('since')) term('+updated_at >= ?', since!);
  if (before !== undefined) term('n < (SELECT n FROM tasks WHERE id = ?)', before);
  const where = terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : '';
  const indexed = index === undefined ? '' : ` INDEXED BY ${index}`;
  return db
    .all<{ n: number }>(`SELECT n FROM tasks${indexed} ${where} ORDER BY n DESC LIMIT ?`, ...values, filter.limit)
    .map(({ n }) => n);
}
