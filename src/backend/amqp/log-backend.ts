import type { ClockSkew } from '../../core/clock-skew.ts';
import { decide } from '../../core/task/decision/decide.ts';
import { elapse } from '../../core/task/fold/elapse.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event } from '../../core/task/event.ts';
import { type Pruned, prunedAt } from '../../core/task/decision/pruned.ts';
import type { StateOf } from '../../core/log/kind.ts';
import type { LogKinds } from '../../core/log/kinds.ts';
import type { Task } from '../../core/task/task.ts';
import type {
  Backend,
  Claimed,
  ClaimRequest,
  Counts,
  Ended,
  EndedQuestion,
  Filter,
  Finding,
  KnownThing,
  OtherKind,
  Outcome,
  PassedOver,
  Request,
  Taken,
} from '../backend.ts';
import { evidenceRemoved, findPruned, prunedEvidence } from '../projection/pruned.ts';
import { AbsentStates, findRow, parseStored } from '../projection/rows.ts';
import { knownRoles, knowsRole } from '../projection/roles.ts';
import { findThing, listThings } from '../projection/things.ts';
import type { LogBackendParts } from './log-backend-parts.ts';
import { isCorrupt } from './cache/cache-file.ts';
import type { Claims } from './tasks/claims.ts';
import { TOLERANCE } from './cache/tables/role-clocks.ts';

/**
 * The log is a stream on the broker; this machine's projection of it is a cache. A change is decided on the cache and
 * appended. It has happened when it has appeared in the log and was accepted. If another process was faster, it is
 * decided again on the new state.
 */
export class LogBackend implements Omit<
  Backend,
  'watch' | 'leave' | 'away' | 'now' | 'forgets' | 'refusesUnknownRoles'
> {
  readonly #parts: LogBackendParts;
  #claims: Promise<Claims> | undefined;
  /** The look into a queue of result messages that no caller waits for. */
  #looking: Promise<void> | undefined;

  constructor(parts: LogBackendParts) {
    this.#parts = parts;
  }

  async commit(requests: Iterable<Request>): Promise<readonly Outcome[]> {
    const all = [...requests];
    return this.#mending(() => this.#parts.commits.commit(all));
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const claims = await (this.#claims ??= this.#parts.load.claims(() => this.#lookLater()));
    return this.#mending(() => claims.claim(request));
  }

  /**
   * Called before every query: afterwards the cache holds everything that was confirmed before, and events that are due
   * are appended, and what the log is about to drop.
   */
  async #catchUp(): Promise<void> {
    await this.#parts.log.catchUp();
    await this.#parts.dueTasks.elapse();
    await this.#parts.logRetention.republishSometimes();
  }

  /**
   * If the query needs content of a snapshot that is not in the cache, the content is loaded. If the cache turns out to
   * be damaged, it is rebuilt from the log. Then the query is repeated.
   */
  async #mending<T>(ask: () => Promise<T>): Promise<T> {
    const { snapshots, log } = this.#parts;
    try {
      return await ask();
    } catch (error) {
      if (error instanceof AbsentStates && snapshots) {
        if (!(await snapshots.load(error))) await log.reread();
        return await this.#mending(ask);
      }
      if (!isCorrupt(error) || !this.#parts.cache.isDamaged()) throw error;
      this.#parts.cache.remake();
      await log.reread();
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
    const { events } = decide(task, { type: 'elapse' }, this.#parts.given);
    if (events.length === 0) return task;
    try {
      return (await this.#parts.commits.commitOne({ task_id: id, command: { type: 'elapse' } }, true)).task;
    } catch (error) {
      if (error instanceof AgentqError && error.code === 'denied') return elapse(task, this.#parts.given.now).task;
      throw error;
    }
  }

  thing<N extends OtherKind>(kind: N, id: string): Promise<StateOf<LogKinds, N> | undefined> {
    return this.#mending(async () => {
      await this.#parts.log.catchUp();
      return findThing(this.#parts.cache.db, { kind, id }) as StateOf<LogKinds, N> | undefined;
    });
  }

  things<N extends OtherKind>(kind: N, ids?: readonly string[]): Promise<readonly KnownThing<StateOf<LogKinds, N>>[]> {
    return this.#mending(async () => {
      await this.#parts.log.catchUp();
      await this.#parts.logRetention.republishSometimes();
      return listThings(this.#parts.cache.db, kind, ids);
    });
  }

  lastKnown(id: string): Promise<Task | undefined> {
    return this.#mending(async () => findRow(this.#parts.cache.db, id)?.task);
  }

  history(id: string): Promise<readonly Event[]> {
    return this.#mending(async () => {
      if (!(await this.#task(id))) return [];
      return this.#parts.cache.db
        .all<{ body: string }>(
          'SELECT body FROM events WHERE task = (SELECT n FROM tasks WHERE id = ?) ORDER BY seq',
          id,
        )
        .map(({ body }) => parseStored(body) as Event);
    });
  }

  list(filter: Filter): Promise<readonly Task[]> {
    return this.#mending(async () => {
      await this.#catchUp();
      const { list } = await import('../projection/questions/list.ts');
      return list(this.#parts.cache.db, filter, 'task_ready');
    });
  }

  ended(question: EndedQuestion): Promise<Ended> {
    return this.#mending(async () => {
      await this.#catchUp();
      const { endedTasks } = await import('./cache/tables/end-places.ts');
      return endedTasks(this.#parts.cache.db, question);
    });
  }

  counts(): Promise<Counts> {
    return this.#mending(async () => {
      await this.#catchUp();
      const { counts } = await import('../projection/questions/counts.ts');
      const { cache, given } = this.#parts;
      const { workers, ...others } = counts(cache.db, 'task_ready');
      // A presence in the future has a wrong time.
      return { ...others, workers: workers.filter(({ seen_at }) => seen_at <= given.now + TOLERANCE) };
    });
  }

  /** By the cache alone. */
  async knowsRole(role: string): Promise<boolean> {
    return this.#mending(async () => knowsRole(this.#parts.cache.db, role));
  }

  knownRoles(): Promise<readonly string[]> {
    return this.#mending(async () => {
      await this.#parts.log.catchUp();
      return knownRoles(this.#parts.cache.db);
    });
  }

  async inbox(queue: string, limit: number): Promise<readonly Task[]> {
    const inbox = await this.#parts.load.inbox();
    return this.#mending(async () => {
      await this.#arrived(queue);
      return inbox.look(queue, limit);
    });
  }

  async inboxIds(queue: string): Promise<ReadonlySet<string>> {
    const inbox = await this.#parts.load.inbox();
    return this.#mending(async () => {
      await this.#arrived(queue);
      return inbox.ids(queue);
    });
  }

  async take(queue: string, limit: number): Promise<Taken> {
    const inbox = await this.#parts.load.inbox();
    return this.#mending(async () => {
      await this.#arrived(queue);
      return inbox.take(queue, limit);
    });
  }

  /** Ensures that the messages of all ended tasks are in the queue. */
  async #arrived(queue: string): Promise<void> {
    await this.#catchUp();
    await this.settled();
    await this.#parts.relay.arrived(queue);
    await this.#parts.relay.tidy();
    await this.#parts.logRetention.republish();
    await this.#parts.logRetention.republishWaiting(queue);
  }

  /** A command of a worker does not look into the queues; a process that waits for work does. */
  #lookLater(): void {
    const { log, logRetention } = this.#parts;
    if (!log.isLive) return;
    this.#looking ??= this.#mending(() => logRetention.republishWaiting())
      // The queue is still due: a later call looks again.
      .catch(() => {})
      .finally(() => (this.#looking = undefined));
  }

  async pruned(id: string): Promise<Pruned | undefined> {
    return this.#mending(async () => prunedAt(findPruned(this.#parts.cache.db, id), this.#parts.given.now));
  }

  async prunedEvidence(limit: number): Promise<readonly Task[]> {
    return this.#mending(async () => {
      await this.#parts.log.catchUp();
      return prunedEvidence(this.#parts.cache.db, limit);
    });
  }

  async evidenceRemoved(ids: readonly string[]): Promise<void> {
    return this.#mending(async () => evidenceRemoved(this.#parts.cache.db, ids, this.#parts.given.now));
  }

  async audit(repair: boolean): Promise<readonly Finding[]> {
    const { cache, log, relay } = this.#parts;
    await this.#mending(() => this.#catchUp());
    const { audit } = await import('../projection/audit.ts');
    const findings = audit(cache.db, false);
    if (!repair) return findings;
    await relay.removeRevived();
    if (findings.length === 0) return findings;
    // It is a cache: the log contains everything again.
    cache.startAlone();
    await log.reread();
    const left = new Set(audit(cache.db, false).map(({ subject }) => subject));
    return findings.map((finding) => ({ ...finding, repaired: !left.has(finding.subject) }));
  }

  async passedOver(): Promise<readonly PassedOver[]> {
    return (await this.#parts.load.care()).passedOver();
  }

  clockSkew(): Promise<ClockSkew | undefined> {
    return this.#parts.clockCheck.skew();
  }

  async skip(offset: number): Promise<void> {
    await (await this.#parts.load.care()).skip(offset);
  }

  snapshot(): Promise<boolean> {
    return this.#mending(async () => (await (await this.#parts.load.snapshotWriter())?.write()) ?? false);
  }

  renewSnapshots(isDry: boolean): Promise<number> {
    return this.#mending(async () => {
      await this.#parts.log.catchUp();
      return (await (await this.#parts.load.snapshotWriter())?.renew(isDry)) ?? 0;
    });
  }

  /** Reads the log as long as a caller waits for new entries. */
  follow(): void {
    this.#parts.clockCheck.beginLater();
    this.#parts.schedule.begin();
    void this.#parts.log.follow();
  }

  /** Resolves when all pending messages are sent. */
  settled(): Promise<void> {
    return this.#parts.relay.settled();
  }

  /** Called after the connection was closed. */
  async close(): Promise<void> {
    this.#parts.clockCheck.close();
    this.#parts.schedule.close();
    this.#parts.log.close();
    await this.#looking;
    this.#parts.cache.close();
  }
}
