import { type Circumstances, decide } from '../../core/decide.ts';
import { elapse } from '../../core/elapse.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { Task } from '../../core/task.ts';
import type {
  Backend,
  Claimed,
  ClaimRequest,
  Counts,
  Filter,
  Finding,
  Outcome,
  PassedOver,
  Request,
  Taken,
} from '../backend.ts';
import { findRow, parseStored, type Stored, toRow } from '../projection/rows.ts';
import { counts, list } from '../projection/questions.ts';
import type { Absence } from './absence.ts';
import { type Cache, isCorrupt } from './cache.ts';
import { carryOpenTasks } from './carry.ts';
import { Changes } from './changes.ts';
import type { Claims } from './claims.ts';
import type { Delivery } from './delivery.ts';
import type { Link } from './link.ts';
import type { Log } from './log.ts';
import type { Names } from './names.ts';
import { TOLERANCE } from './role-clocks.ts';

/** How many tasks are moved on at once because of time alone. */
const SWEEP = 500;

export interface LogParts {
  readonly link: Link;
  readonly log: Log;
  readonly cache: Cache;
  readonly names: Names;
  readonly replicated: boolean;
  readonly delivery: Delivery;
  readonly clock: () => number;
  readonly random: () => number;
  /** How long a task may be ready without a token that anybody finds, before a claim does without, in ms. */
  readonly tokenGrace: number;
  /** How much of the log is kept at least. */
  readonly retention: { readonly days: number; readonly bytes: number };
  readonly absence: Absence;
}

/**
 * The log is a stream on the broker; this machine's projection of it is a cache. A change is decided on the cache,
 * appended, and has happened when it has come by in the log and was accepted; where somebody else was faster, it is
 * decided anew on what is now known.
 */
export class LogBackend implements Omit<Backend, 'watch' | 'leave' | 'away'> {
  readonly #parts: LogParts;
  readonly #given: Circumstances;
  readonly #changes: Changes;
  #claims: Promise<Claims> | undefined;

  constructor(parts: LogParts) {
    this.#parts = parts;
    const { clock, random } = parts;
    this.#given = {
      get now() {
        return clock();
      },
      random,
    };
    this.#changes = new Changes(parts, this.#given);
  }

  async commit(requests: Iterable<Request>): Promise<readonly Outcome[]> {
    const all = [...requests];
    return this.#mending(() => this.#changes.make(all));
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const claims = await (this.#claims ??= this.#loadClaims());
    return this.#mending(() => claims.claim(request));
  }

  /** Not for who only asks. */
  async #loadClaims(): Promise<Claims> {
    const { Claims } = await import('./claims.ts');
    return new Claims(this.#parts, {
      tell: (request) => this.#changes.tell(request),
      sweep: (role) => this.#sweep(role),
    });
  }

  /** Makes events of what time alone has brought about, for one role or for all, in a cache that has caught up. */
  async #sweep(role?: string): Promise<void> {
    const { cache } = this.#parts;
    const now = this.#given.now;
    for (;;) {
      const due = cache.db
        .all<Stored>(
          `SELECT n, state FROM task WHERE due_at <= ?1 AND (?2 IS NULL OR role = ?2) ORDER BY due_at LIMIT ${SWEEP}`,
          now,
          role ?? null,
        )
        .map((stored) => toRow(stored).task);
      if (due.length === 0) return;
      if (await this.#changes.waitedForAbsent(due)) continue;
      try {
        await Promise.all(
          due.map((task) => this.#changes.tell({ task_id: task.id, command: { type: 'elapse' }, at: now }, true)),
        );
      } catch (error) {
        // A worker's user may not write down what becomes of other roles' tasks; others will.
        if (error instanceof AgentqError && error.code === 'denied') return;
        throw error;
      }
    }
  }

  /** Every question is asked of a cache that knows all that was confirmed before, and that time has caught up with. */
  async #catchUp(): Promise<void> {
    await this.#parts.log.catchUp();
    await this.#sweep();
  }

  /** A cache that turns out to be damaged is made anew from the log, and asked again. */
  async #mending<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isCorrupt(error) || !this.#parts.cache.isDamaged()) throw error;
      this.#parts.cache.remake();
      await this.#parts.log.readAnew();
      return await ask();
    }
  }

  task(id: string): Promise<Task | undefined> {
    return this.#mending(() => this.#task(id));
  }

  async #task(id: string): Promise<Task | undefined> {
    await this.#parts.log.catchUp();
    const task = findRow(this.#parts.cache.db, id)?.task;
    if (!task) return undefined;
    const { events } = decide(task, { type: 'elapse' }, this.#given);
    if (events.length === 0) return task;
    try {
      return (await this.#changes.tell({ task_id: id, command: { type: 'elapse' } }, true)).task;
    } catch (error) {
      if (error instanceof AgentqError && error.code === 'denied') return elapse(task, this.#given.now).task;
      throw error;
    }
  }

  history(id: string): Promise<readonly Event[]> {
    return this.#mending(async () => {
      if (!(await this.#task(id))) return [];
      return this.#parts.cache.db
        .all<{ body: string }>('SELECT body FROM event WHERE task = (SELECT n FROM task WHERE id = ?) ORDER BY seq', id)
        .map(({ body }) => parseStored(body) as Event);
    });
  }

  list(filter: Filter): Promise<readonly Task[]> {
    return this.#mending(async () => {
      await this.#catchUp();
      return list(this.#parts.cache.db, filter);
    });
  }

  counts(): Promise<Counts> {
    return this.#mending(async () => {
      await this.#catchUp();
      const { cache, clock } = this.#parts;
      const { workers, ...others } = counts(cache.db);
      // A presence in the future is none: somebody has dated it wrongly.
      return { ...others, workers: workers.filter(({ seen_at }) => seen_at <= clock() + TOLERANCE) };
    });
  }

  async inbox(queue: string, limit: number): Promise<readonly Task[]> {
    const { lookInto } = await import('./inbox.ts');
    return this.#mending(async () => {
      await this.#arrived(queue);
      return lookInto(this.#parts, queue, limit);
    });
  }

  async take(queue: string, limit: number): Promise<Taken> {
    const { takeFrom } = await import('./inbox.ts');
    return this.#mending(async () => {
      await this.#arrived(queue);
      return takeFrom(this.#parts, queue, limit);
    });
  }

  /** Sees to it that the messages of everything that has ended are in the queue. */
  async #arrived(queue: string): Promise<void> {
    await this.#catchUp();
    await this.settled();
    await this.#parts.delivery.arrived(queue);
    await this.#parts.delivery.tidy();
    await carryOpenTasks(this.#parts);
  }

  async audit(repair: boolean): Promise<readonly Finding[]> {
    const { cache, log, delivery } = this.#parts;
    await this.#mending(() => this.#catchUp());
    const { audit } = await import('../projection/audit.ts');
    const findings = audit(cache.db, false);
    if (!repair) return findings;
    await delivery.withdraw();
    if (findings.length === 0) return findings;
    // It is a cache: the log tells everything anew.
    cache.clear();
    await log.readAnew();
    const left = new Set(audit(cache.db, false).map(({ subject }) => subject));
    return findings.map((finding) => ({ ...finding, repaired: !left.has(finding.subject) }));
  }

  async passedOver(): Promise<readonly PassedOver[]> {
    const { passedOver } = await import('./log-care.ts');
    return passedOver(this.#parts);
  }

  async skip(offset: number): Promise<void> {
    const { skip } = await import('./log-care.ts');
    await skip(this.#parts, offset);
  }

  /** Reads the log as long as anybody waits for what comes by. */
  follow(): void {
    void this.#parts.log.follow();
  }

  /** Resolves when nothing is to be sent any more. */
  settled(): Promise<void> {
    return this.#parts.delivery.settled();
  }

  async close(): Promise<void> {
    this.#parts.log.close();
    this.#parts.cache.close();
  }
}
