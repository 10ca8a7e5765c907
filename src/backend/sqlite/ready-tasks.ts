import type { Connection } from '../projection/connection.ts';
import { type Row, type StoredRow, toRow } from '../projection/rows.ts';

/** The ready tasks of a role, in the index `task_open`. */
const READY = "role = ? AND status = 'queued' AND status <> 'completed'";

/** The ready task of the role with the highest priority and the greatest age. */
export function nextReady(db: Connection, role: string): Row | undefined {
  const stored = db.get<StoredRow>(
    `SELECT n, state FROM tasks INDEXED BY task_open WHERE ${READY} ORDER BY rank DESC, n LIMIT 1`,
    role,
  );
  return stored && toRow(stored);
}

export function isAnyReady(db: Connection, role: string): boolean {
  return db.get(`SELECT 1 FROM tasks INDEXED BY task_open WHERE ${READY} LIMIT 1`, role) !== undefined;
}
