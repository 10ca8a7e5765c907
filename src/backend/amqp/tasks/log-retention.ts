import type { LogEvent } from '../../../core/log/rules.ts';
import { isTaskEvent } from '../../../core/log/subject.ts';
import type { Task } from '../../../core/task/task.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import type { Retention } from '../../options.ts';
import { isDenied, isRefused } from '../connection/broker-error.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Cache } from '../cache/cache.ts';
import { endingOfTask, noteLook, queueToLookAt } from '../cache/tables/endings.ts';
import { isDoubtful } from '../cache/tables/doubts.ts';
import { thingsToCarry } from '../cache/tables/thing-log.ts';
import type { Log } from '../log/log.ts';
import type { Under } from '../wire/message/encode.ts';
import type { Names } from '../wire/names.ts';
import type { Note } from '../wire/message/log-body.ts';
import { TOLERANCE } from '../cache/tables/role-clocks.ts';

const DAY = 86_400_000;

/** How many tasks of one status, and how many other things, one process republishes at a time. */
const MOST = 20;

/**
 * A state that may be wrong is left to the machines that know better. If none has repeated it in the meantime, there is
 * none.
 */
const CERTAIN = 'id NOT IN (SELECT id FROM doubtful WHERE since > ?3)';

/** How many entries are published without waiting for each other. */
const AT_ONCE = 100;

/** The shortest time between two checks by queries, in ms. */
const PAUSE = 60_000;

/** How long to read a queue of result messages, in ms: other readers wait meanwhile. */
const LONGEST_LOOK = 1_000;

export interface LogRetentionParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly log: Log;
  readonly cache: Cache;
  readonly retention: Retention;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** An event that repeats the state of a task, or of a thing of another kind. */
type Repeat = LogEvent & { readonly type: 'carried' };

const carriedTask = (task: Task, at: number): Repeat => ({ v: 1, type: 'carried', task_id: task.id, at, task });

/** Republishes what a later fold may read, before the log drops it. */
export class LogRetention {
  readonly #parts: LogRetentionParts;
  /** Whether the user may not write under the key of coordinators. */
  #denied = false;
  /** When it was last checked what to republish, ms since 1970. */
  #checked = -Infinity;
  /** The queues of result messages that the user may not read. */
  readonly #unreadable = new Set<string>();

  constructor(parts: LogRetentionParts) {
    this.#parts = parts;
  }

  /**
   * The log drops entries that are older than its retention. A thing that a later fold may read is republished when a
   * third of the retention has passed since the last time, so that there are two more chances. If the user may, it is
   * republished under the key of coordinators, which takes precedence over the key of a role. A task that is known only
   * from a role's workers is not republished under the key of coordinators. Only coordinators republish things of other
   * kinds.
   * @param role the role whose tasks to check; undefined for all
   */
  async republish(role?: string): Promise<void> {
    const now = this.#parts.clock();
    const before = this.#due(now);
    await this.#republishKnown(now, role);
    const isDue = `n NOT IN (SELECT task FROM carried WHERE at > ?3 AND at <= ?4) AND ${CERTAIN}`;
    for (const event of this.#tasks(isDue, before, now, role)) await this.#tell(event, {});
  }

  /** Same, for a query: only what coordinators republish, and not again within a minute. */
  async republishSometimes(): Promise<void> {
    const now = this.#parts.clock();
    if (Math.abs(now - this.#checked) >= PAUSE) await this.#republishKnown(now);
  }

  /** Republishes under the key of coordinators, if the user may. */
  async #republishKnown(now: number, role?: string): Promise<void> {
    this.#checked = now;
    if (this.#denied) return;
    const before = this.#due(now);
    const known = `n NOT IN (SELECT task FROM vouched WHERE at > ?3 AND at <= ?4) AND id NOT IN (SELECT id FROM hearsay)
       AND ${CERTAIN}`;
    const limits = { before, late: this.#due(now, 2), future: now + TOLERANCE, now, limit: MOST };
    const things = thingsToCarry(this.#parts.cache.db, limits);
    // A reader corrects tasks only after it knows what decides about them.
    for (const event of [...things, ...this.#tasks(known, before, now, role)]) {
      if (await this.#tell(event, { role: null })) continue;
      this.#denied = true;
      break;
    }
  }

  /**
   * Republishes an ended task that is about to be open again, if the log may have dropped it. Otherwise a machine whose
   * log begins later would take its token for an unknown task.
   */
  async republishEnded(task: Task): Promise<void> {
    const now = this.#parts.clock();
    if (this.#isToBeRepeated(task, this.#due(now), now)) await this.#tell(carriedTask(task, now), { role: null });
  }

  /**
   * What was last republished before this time is to be republished: ms since 1970.
   * @param thirds how much of the retention has to have passed
   */
  #due(now: number, thirds = 1): number {
    const { cache, retention } = this.#parts;
    const old = now - (retention.days * DAY * thirds) / 3;
    const long = cache.whenShorterBy((retention.bytes * thirds) / 3, now) ?? -Infinity;
    return Math.max(old, long);
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
      .map((task) => carriedTask(task, now));
  }

  /**
   * Republishes the ended tasks whose result messages have waited for so long, if the user is a coordinator. Each cache
   * looks at each queue once in a third of the retention, and at one queue in a call.
   * @param first the queue to look at if it is due
   */
  async republishWaiting(first?: string): Promise<void> {
    if (this.#denied) return;
    const { cache, client, clock, names } = this.#parts;
    const now = clock();
    const before = this.#due(now);
    const limits = { before, future: now + TOLERANCE, refused: this.#unreadable, first };
    const queue = queueToLookAt(cache.db, limits);
    if (queue === undefined) return;
    const { tasksWaitingIn } = await import('./messages/waiting-results.ts');
    try {
      const tasks = await tasksWaitingIn(client, cache, names.results(queue), LONGEST_LOOK);
      const old = tasks.filter((task) => this.#isToBeRepeated(task, before, now));
      for (let i = 0; i < old.length && !this.#denied; i += AT_ONCE) {
        const events = old.slice(i, i + AT_ONCE).map((task) => carriedTask(task, now));
        const allowed = await Promise.all(events.map((event) => this.#tell(event, { role: null })));
        this.#denied = allowed.includes(false);
      }
      if (!this.#denied) noteLook(cache.db, queue, now);
    } catch (error) {
      // Few users may read each queue.
      if (!isRefused(error)) throw error;
      this.#unreadable.add(queue);
    }
  }

  /** Whether the log has last contained the state of an ended task too long ago. */
  #isToBeRepeated({ id, updated_at }: Task, before: number, now: number): boolean {
    const { db } = this.#parts.cache;
    const vouched = db.get<{ at: number }>(
      'SELECT at FROM vouched WHERE task = (SELECT n FROM tasks WHERE id = ?)',
      id,
    );
    const at = Math.max(vouched?.at ?? -Infinity, updated_at);
    return (
      (at <= before || at > now + TOLERANCE) && this.#parts.cache.hearsayOf(id) === undefined && !isDoubtful(db, id)
    );
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
