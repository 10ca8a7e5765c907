import type { EventOf } from '../../core/event.ts';
import { type Stored, toRow } from '../projection/rows.ts';
import { isDenied } from './broker-error.ts';
import type { LogParts } from './log-backend.ts';
import type { Under } from './outgoing.ts';
import { TOLERANCE } from './role-clocks.ts';

const DAY = 86_400_000;

/** How many tasks one process says again at a time. */
const MOST = 20;

/** Those whose user may not write under the key of coordinators. */
const denied = new WeakSet<LogParts>();

/**
 * The log forgets what is older than its retention. What is still open, or lies among the dead letters, is said again
 * in time: once it was last said a third of the retention ago, so that there are two more chances. Where the user may,
 * it is said under the key of coordinators, which is believed before that of a role; but not of a task that is known
 * by the word of a role's workers alone.
 * @param role the one whose tasks to look at; undefined for all
 */
export async function carryOpenTasks(parts: LogParts, role?: string): Promise<void> {
  const { cache, clock, retention } = parts;
  const now = clock();
  const old = now - (retention.days * DAY) / 3;
  const long = cache.whenShorterBy(retention.bytes / 3, now) ?? -Infinity;
  const before = Math.max(old, long);
  if (!denied.has(parts)) {
    const known =
      'n NOT IN (SELECT task FROM vouched WHERE at > ?3 AND at <= ?4) AND id NOT IN (SELECT id FROM hearsay)';
    for (const event of candidates(known)) {
      if (await tell(parts, event, { role: null })) continue;
      denied.add(parts);
      break;
    }
  }
  const said = 'n NOT IN (SELECT task FROM carried WHERE at > ?3 AND at <= ?4)';
  for (const event of candidates(said)) await tell(parts, event, {});

  function candidates(which: string): readonly EventOf<'carried'>[] {
    return ['queued', 'scheduled', 'working', 'failed', 'expired']
      .flatMap((status) =>
        cache.db.all<Stored>(
          `SELECT n, state FROM task
           WHERE status = ?1 AND status <> 'completed' AND (dead = 1 OR status NOT IN ('failed', 'expired'))
             AND (?2 IS NULL OR role = ?2) AND ${which}
           ORDER BY n LIMIT ${MOST}`,
          status,
          role ?? null,
          before,
          now + TOLERANCE,
        ),
      )
      .map((stored) => toRow(stored).task)
      .filter(({ submitted_at }) => submitted_at <= before || submitted_at > now + TOLERANCE)
      .map((task) => ({ v: 1, type: 'carried', task_id: task.id, at: now, task }));
  }
}

/** @returns whether the user may say it */
async function tell({ log, cache }: LogParts, event: EventOf<'carried'>, under: Under): Promise<boolean> {
  const after = cache.position().last;
  try {
    const role = event.task.envelope.to;
    await log.note({ events: [event], roles: [role], after, ...(under.role === undefined && { role }) }, under);
    return true;
  } catch (error) {
    // A worker's user speaks of its own role's tasks alone.
    if (isDenied(error)) return false;
    throw error;
  }
}
