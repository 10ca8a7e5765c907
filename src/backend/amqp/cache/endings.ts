import type { Task } from '../../../core/task/task.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import type { Cache } from './cache.ts';

/** A task, and the entry that ended it. */
export interface Ended {
  readonly task: Task;
  readonly ending: string;
}

/** How long the process that ended a task has to send its messages before another process sends them, in ms. */
export const OVERDUE = 5_000;

/** Tasks whose messages a process should be sending at this moment. @param now ms since 1970 */
export function justEnded(cache: Cache, now: number): readonly Ended[] {
  return unannounced(cache, 'at >= ?1 AND at < ?2', now - OVERDUE, now + OVERDUE);
}

/**
 * Tasks whose messages are overdue. An end that is dated long after now has a wrong time, and is overdue as well.
 * @param now ms since 1970
 * @param role the role whose tasks to return; undefined for all
 */
export function overdue(cache: Cache, now: number, role?: string): readonly Ended[] {
  const at = '(at < ?1 OR at >= ?2) AND (?3 IS NULL OR role = ?3)';
  return unannounced(cache, at, now - OVERDUE, now + OVERDUE, role ?? null);
}

/** Ended tasks without a record that their messages were sent. */
function unannounced(cache: Cache, at: string, ...values: (number | string | null)[]): readonly Ended[] {
  return cache.db
    .all<StoredRow & { id: string }>(
      `SELECT n, state, ending.id AS id FROM ending JOIN tasks ON tasks.n = ending.task
       WHERE announced = 0 AND ${at} ORDER BY at LIMIT 100`,
      ...values,
    )
    .map((stored) => ({ task: toRow(stored).task, ending: stored.id }));
}
