import { AgentqError } from '../../core/errors.ts';
import { type Stored, toRow } from '../projection/rows.ts';
import type { LogParts } from './log-backend.ts';

const DAY = 86_400_000;

/** How many tasks one process says again at a time. */
const MOST = 20;

/**
 * The log forgets what is older than its retention. What is still open, or lies among the dead letters, is said again
 * in time: once it was last said a third of the retention ago, so that there are two more chances.
 * @param role the one whose tasks to look at; undefined for all
 */
export async function carryOpenTasks({ cache, clock, log, retention }: LogParts, role?: string): Promise<void> {
  const now = clock();
  const old = now - (retention.days * DAY) / 3;
  const long = cache.whenShorterBy(retention.bytes / 3) ?? -Infinity;
  const before = Math.max(old, long);
  for (const { task } of candidates()) {
    if (task.submitted_at > before) continue;
    const event = { v: 1, type: 'carried', task_id: task.id, at: now, task } as const;
    const after = cache.position().last;
    try {
      await log.note({ events: [event], roles: [task.envelope.to], after });
    } catch (error) {
      // A worker's user speaks of its own role's tasks alone.
      if (!(error instanceof AgentqError) || error.code !== 'denied') throw error;
    }
  }

  function candidates() {
    return ['queued', 'scheduled', 'working', 'failed', 'expired'].flatMap((status) =>
      cache.db
        .all<Stored>(
          `SELECT n, state FROM task
           WHERE status = ?1 AND status <> 'completed' AND (dead = 1 OR status NOT IN ('failed', 'expired'))
             AND (?2 IS NULL OR role = ?2) AND n NOT IN (SELECT task FROM carried WHERE at > ?3)
           ORDER BY n LIMIT ${MOST}`,
          status,
          role ?? null,
          before,
        )
        .map((stored) => toRow(stored)),
    );
  }
}
