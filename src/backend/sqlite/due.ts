import type { Connection } from '../projection/connection.ts';
import type { StoredRow } from '../projection/rows.ts';

/** Tasks that time changes: those in work by `task_open`, and all others by `task_due`. */
const waiting = `tasks INDEXED BY task_due WHERE due_at IS NOT NULL AND status <> 'working'`;
const working = `tasks INDEXED BY task_open WHERE status = 'working' AND status <> 'completed'`;

const anyDue = `SELECT 1 FROM ${waiting} AND due_at <= ?1 UNION ALL SELECT 1 FROM ${working} AND due_at <= ?1 LIMIT 1`;

/** Whether time has changed any task. @param now ms since 1970 */
export function isAnyDue(db: Connection, now: number): boolean {
  return db.get(anyDue, now) !== undefined;
}

/** The tasks that time has changed, longest due first. @param now ms since 1970 @param limit -1 for all */
export function dueRows(db: Connection, now: number, limit: number): StoredRow[] {
  return db.all<StoredRow>(
    `SELECT n, state, due_at FROM ${waiting} AND due_at <= ?1
     UNION ALL SELECT n, state, due_at FROM ${working} AND due_at <= ?1 ORDER BY due_at LIMIT ?2`,
    now,
    limit,
  );
}

/** When time changes the next task of a role, ms since 1970; undefined if it changes none. */
export function nextDueOf(db: Connection, role: string): number | undefined {
  const sql = `SELECT min(due_at) AS due_at FROM (
    SELECT min(due_at) AS due_at FROM ${waiting} AND role = ?1
    UNION ALL SELECT min(due_at) FROM ${working} AND role = ?1)`;
  return db.get<{ due_at: number | null }>(sql, role)!.due_at ?? undefined;
}
