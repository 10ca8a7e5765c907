import type { EventOf } from '../../../core/task/event.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import { rules } from '../../../core/log/rules.ts';
import type { Retention } from '../../options.ts';
import { isDenied } from '../connection/broker-error.ts';
import type { Cache } from '../cache/cache.ts';
import { endingOfTask } from '../cache/endings.ts';
import type { Log } from '../log/log.ts';
import type { Under } from '../wire/message/encode.ts';
import { TOLERANCE } from '../cache/role-clocks.ts';

const DAY = 86_400_000;

/** How many tasks one process republishes at a time. */
const MOST = 20;

export interface OpenTaskParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly retention: Retention;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** Republishes open tasks before the log drops them. */
export class OpenTasks {
  readonly #parts: OpenTaskParts;
  /** Whether the user may not write under the key of coordinators. */
  #denied = false;

  constructor(parts: OpenTaskParts) {
    this.#parts = parts;
  }

  /**
   * The log drops entries that are older than its retention. A task that is open, or among the dead letters, is
   * republished when a third of the retention has passed since the last time, so that there are two more chances. If
   * the user may, it is republished under the key of coordinators, which takes precedence over the key of a role. A
   * task that is known only from a role's workers is not republished under the key of coordinators.
   * @param role the role whose tasks to check; undefined for all
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
          `SELECT n, state FROM tasks
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
      .filter((task) => rules.kinds.task.carries(task))
      .filter(({ submitted_at }) => submitted_at <= before || submitted_at > now + TOLERANCE)
      .map((task) => ({ v: 1, type: 'carried', task_id: task.id, at: now, task }));
  }

  /** @returns whether the user may write it */
  async #tell(event: EventOf<'carried'>, under: Under): Promise<boolean> {
    const { log, cache } = this.#parts;
    const after = cache.position().last;
    try {
      const role = event.task.envelope.to;
      const ending = endingOfTask(cache.db, event.task_id);
      const signed = under.role === undefined && { role };
      await log.note({ events: [event], roles: [role], after, ...(ending && { ending }), ...signed }, under);
      return true;
    } catch (error) {
      // A worker's user may write only about its own role's tasks.
      if (isDenied(error)) return false;
      throw error;
    }
  }
}
