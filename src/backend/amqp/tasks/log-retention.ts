import type { LogEvent } from '../../../core/log/rules.ts';
import { isTaskEvent } from '../../../core/log/subject.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import type { Retention } from '../../options.ts';
import { isDenied } from '../connection/broker-error.ts';
import type { Cache } from '../cache/cache.ts';
import { endingOfTask } from '../cache/endings.ts';
import { thingsToCarry } from '../cache/thing-log.ts';
import type { Log } from '../log/log.ts';
import type { Under } from '../wire/message/encode.ts';
import type { Note } from '../wire/message/log-body.ts';
import { TOLERANCE } from '../cache/role-clocks.ts';

const DAY = 86_400_000;

/** How many tasks of one status, and how many other things, one process republishes at a time. */
const MOST = 20;

export interface LogRetentionParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly retention: Retention;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** An event that repeats the state of a task, or of a thing of another kind. */
type Repeat = LogEvent & { readonly type: 'carried' };

/** Republishes what a later fold may read, before the log drops it. */
export class LogRetention {
  readonly #parts: LogRetentionParts;
  /** Whether the user may not write under the key of coordinators. */
  #denied = false;

  constructor(parts: LogRetentionParts) {
    this.#parts = parts;
  }

  /**
   * The log drops entries that are older than its retention. A thing that `carries` says to be needed is republished when a third of the retention has passed since the last time, so that there are two more chances. If
   * the user may, it is republished under the key of coordinators, which takes precedence over the key of a role. A
   * task that is known only from a role's workers is not republished under the key of coordinators. Only coordinators
   * republish things of other kinds.
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
      const limits = { before, future: now + TOLERANCE, now, limit: MOST };
      const things = thingsToCarry(cache.db, limits);
      for (const event of [...this.#tasks(known, before, now, role), ...things]) {
        if (await this.#tell(event, { role: null })) continue;
        this.#denied = true;
        break;
      }
    }
    const said = 'n NOT IN (SELECT task FROM carried WHERE at > ?3 AND at <= ?4)';
    for (const event of this.#tasks(said, before, now, role)) await this.#tell(event, {});
  }

  #tasks(which: string, before: number, now: number, role: string | undefined): readonly Repeat[] {
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
      .filter((task) => cache.rules.kinds.task.carries(task))
      .filter(({ submitted_at }) => submitted_at <= before || submitted_at > now + TOLERANCE)
      .map((task) => ({ v: 1, type: 'carried', task_id: task.id, at: now, task }));
  }

  /** @returns whether the user may write it */
  async #tell(event: Repeat, under: Under): Promise<boolean> {
    const { log, cache } = this.#parts;
    const after = cache.position().last;
    try {
      await log.note({ events: [event], after, ...this.#about(event, under) }, under);
      return true;
    } catch (error) {
      // A worker's user may write only about its own role's tasks.
      if (isDenied(error)) return false;
      throw error;
    }
  }

  /** What the entry states in addition about a task: its role, and the entry that ended it. */
  #about(event: Repeat, under: Under): Note {
    if (!isTaskEvent(event)) return {};
    const role = event.task.envelope.to;
    const ending = endingOfTask(this.#parts.cache.db, event.task_id);
    return { roles: [role], ...(ending && { ending }), ...(under.role === undefined && { role }) };
  }
}
