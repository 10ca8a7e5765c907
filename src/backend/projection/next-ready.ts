import { type Books, type UsedUp, usedUpGroups, usedUpOfRole } from '../../core/budget/used-up.ts';
import type { Connection } from './connection.ts';
import { type Row, type StoredRow, toRow } from './rows.ts';

/** The task that the next claim gets, or why all ready tasks are left out, if they wait for budgets. */
export type NextReady =
  { readonly row: Row; readonly held?: undefined } | { readonly row?: undefined; readonly held?: UsedUp };

/**
 * The first ready task of a role that no budget holds. No task that is held is read: there may be many.
 * @param from the clauses FROM and WHERE that select the ready tasks of the role. @param values for them
 * @param now ms since 1970
 */
export function nextReady(
  db: Connection,
  {
    role,
    from,
    values,
  }: { readonly role: string; readonly from: string; readonly values: readonly (string | number)[] },
  books: Books,
  now: number,
): NextReady {
  const ofRole = usedUpOfRole(books, role, now);
  const groups = usedUpGroups(books, now);
  if (!ofRole) {
    const isFree =
      groups.size > 0 ? 'AND (group_name IS NULL OR group_name NOT IN (SELECT value FROM json_each(?)))' : '';
    const names = groups.size > 0 ? [JSON.stringify([...groups.keys()])] : [];
    const sql = `SELECT n, state ${from} ${isFree} ORDER BY rank DESC, n LIMIT 1`;
    const stored = db.get<StoredRow>(sql, ...values, ...names);
    if (stored) return { row: toRow(stored) };
    if (groups.size === 0) return {};
  }
  const first = db.get<{ name: string | null }>(
    `SELECT group_name AS name ${from} ORDER BY rank DESC, n LIMIT 1`,
    ...values,
  );
  const held = first && (ofRole ?? groups.get(first.name ?? ''));
  return held ? { held } : {};
}
