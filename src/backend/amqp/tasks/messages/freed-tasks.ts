import { type Books, usedUpFor } from '../../../../core/budget/used-up.ts';
import type { Policy } from '../../../../core/policy/policy.ts';
import type { Task } from '../../../../core/task/task.ts';
import { booksIn } from '../../../projection/books.ts';
import type { Connection } from '../../../projection/connection.ts';
import { type StoredRow, toRow } from '../../../projection/rows.ts';

/** The maximum number of tasks that get a token when a policy is applied. The others are found without one. */
const MOST = 1_000;

/**
 * The ready tasks that a new policy lets begin, and that the one before did not. Their tokens were dropped.
 * @param now ms since 1970
 */
export function freedTasks(db: Connection, before: Policy | undefined, after: Policy, now: number): readonly Task[] {
  if (!before) return [];
  const books = booksIn(db);
  const holds = (policy: Policy, task: Task) =>
    usedUpFor({ ...books, policy } satisfies Books, task, now) !== undefined;
  return db
    .all<StoredRow>(
      `SELECT n, state FROM tasks WHERE status = 'queued' AND status <> 'completed' ORDER BY n LIMIT ${MOST}`,
    )
    .map((stored) => toRow(stored).task)
    .filter((task) => holds(before, task) && !holds(after, task));
}
