import type { Books } from '../../core/budget/used-up.ts';
import type { Connection } from '../projection/connection.ts';
import { nextReady, type NextReady } from '../projection/next-ready.ts';

/** The ready tasks of a role, in the index `task_open`. */
const READY = "FROM tasks INDEXED BY task_open WHERE role = ? AND status = 'queued' AND status <> 'completed'";

/**
 * The ready task of the role with the highest priority and the greatest age, without those that wait for a budget.
 * @param now ms since 1970
 */
export function nextReadyOf(db: Connection, role: string, books: Books, now: number): NextReady {
  return nextReady(db, { role, from: READY, values: [role] }, books, now);
}

export function isAnyReady(db: Connection, role: string): boolean {
  return db.get(`SELECT 1 ${READY} LIMIT 1`, role) !== undefined;
}
