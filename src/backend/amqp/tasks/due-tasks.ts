import { AgentqError } from '../../../core/errors.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import type { Cache } from '../cache/cache.ts';
import type { TaskCommits } from './commit.ts';

/** The maximum number of tasks that one call changes because of time alone. */
const SWEEP = 500;

export interface DueTaskParts {
  readonly cache: Cache;
  readonly commits: TaskCommits;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** Tasks that change because of time alone: a delay is over, a TTL has passed, a lease has ended. */
export class DueTasks {
  readonly #parts: DueTaskParts;

  constructor(parts: DueTaskParts) {
    this.#parts = parts;
  }

  /** Appends the events that are due, for one role or for all, to a log that the cache has caught up with. */
  async elapse(role?: string): Promise<void> {
    const { cache, commits, clock } = this.#parts;
    const now = clock();
    const live = new Set<number>();
    for (;;) {
      const due = cache.db
        .all<StoredRow>(
          `SELECT n, state FROM tasks
           WHERE due_at <= ?1 AND (?2 IS NULL OR role = ?2) AND n NOT IN (SELECT value FROM json_each(?3))
           ORDER BY due_at LIMIT ${SWEEP}`,
          now,
          role ?? null,
          JSON.stringify([...live]),
        )
        .map(toRow);
      if (due.length === 0) return;
      if (await commits.judged(due.map(({ task }) => task))) continue;
      for (const { n, task } of due) if (commits.isLive(task)) live.add(n);
      const over = due.filter(({ n }) => !live.has(n));
      try {
        await Promise.all(
          over.map(({ task }) => commits.commitOne({ task_id: task.id, command: { type: 'elapse' }, at: now }, true)),
        );
      } catch (error) {
        // A worker's user may not write events about other roles' tasks. Other processes do.
        if (error instanceof AgentqError && error.code === 'denied') return;
        throw error;
      }
    }
  }
}
