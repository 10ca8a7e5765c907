import type { EventOf } from '../../../core/task/event.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import type { Retention } from '../../options.ts';
import { isDenied } from '../connection/broker-error.ts';
import type { Cache } from '../cache/cache.ts';
import type { Log } from '../log/log.ts';
import type { Under } from '../wire/encode.ts';
import { TOLERANCE } from '../cache/role-clocks.ts';

const DAY = 86_400_000;

/** How many tasks one process says again at a time. */
const MOST = 20;

export interface OpenTaskParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly retention: Retention;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** Says open tasks again before the log forgets them. */
export class OpenTasks {
  readonly #parts: OpenTaskParts;
  /** Whether the user may not write under the key of coordinators. */
  #denied = false;

  constructor(parts: OpenTaskParts) {
    this.#parts = parts;
  }

  /**
   * The log forgets what is older than its retention. What is still open, or lies among the dead letters, is said again
   * in time: once it was last said a third of the retention ago, so that there are two more chances. Where the user may,
   * it is said under the key of coordinators, which is believed before that of a role; but not of a task that is known
   * by the word of a role's workers alone.
   * @param role the one whose tasks to look at; undefined for all
   */
  async republish(role?: string): Promise<void> {
    const { cache, clock, retention } = this.#parts;
    const now = clock();
    const old = now - (retention.days * DAY) / 3;
    const long = cache.whenShorterBy(retention.bytes / 3, now) ?? -Infinity;
    const before = Math.max(old, long);
    if (!this.#denied) {
      const known =
        'n NOT IN (SELECT task FROM vouched WHERE at > ?3 AND at <= ?4) AND id NOT IN (SELECT id FROM hearsay)';
      for (const event of this.#candidates(known, before, now, role)) {
        if (await this.#tell(event, { role: null })) continue;
        this.#denied = true;
        break;
      }
    }
    const said = 'n NOT IN (SELECT task FROM carried WHERE at > ?3 AND at <= ?4)';
    for (const event of this.#candidates(said, before, now, role)) await this.#tell(event, {});
  }

  #candidates(which: string, before: number, now: number, role: string | undefined): readonly EventOf<'carried'>[] {
    const { cache } = this.#parts;
    return ['queued', 'scheduled', 'working', 'failed', 'expired']
      .flatMap((status) =>
        cache.db.all<StoredRow>(
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

  /** @returns whether the user may say it */
  async #tell(event: EventOf<'carried'>, under: Under): Promise<boolean> {
    const { log, cache } = this.#parts;
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
}
