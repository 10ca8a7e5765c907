import { type Books, type UsedUp, usedUpFor } from '../../core/budget/used-up.ts';
import type { Connection } from './connection.ts';
import { type Row, type StoredRow, toRow } from './rows.ts';

/** The task that the next claim gets, and why an earlier one is left out, if one waits for a budget. */
export interface NextReady {
  readonly row?: Row;
  readonly held?: UsedUp;
}

/**
 * The first ready task of a role that no budget holds.
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
  const inOrder = `SELECT n, state ${from} ORDER BY rank DESC, n`;
  const stored = db.get<StoredRow>(`${inOrder} LIMIT 1`, ...values);
  if (!stored) return {};
  const first = toRow(stored);
  const held = usedUpFor(books, first.task, now);
  if (!held) return { row: first };
  // A budget of the role or of all tasks holds the others as well.
  if (held.scope === 'all' || held.scope === `role.${role}`) return { held };
  for (const other of db.each<StoredRow>(inOrder, ...values)) {
    const row = toRow(other);
    if (!usedUpFor(books, row.task, now)) return { row, held };
  }
  return { held };
}
