import type { Circumstances } from '../../core/task/decision/verdict.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event } from '../../core/task/event.ts';
import type { StateOf } from '../../core/log/kind.ts';
import { type LogKinds, type LogRules, rules as logRules } from '../../core/log/rules.ts';
import { type Pruned, prunedAt } from '../../core/task/decision/pruned.ts';
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
  Request,
  Taken,
  Topic,
  Watch,
} from '../backend.ts';
import type { Connection } from '../projection/connection.ts';
import { isUnwritable } from '../projection/sqlite-error.ts';
import { Rings } from '../projection/rings.ts';
import type { Doorbell } from '../projection/doorbell.ts';
import type { UsedUp } from '../../core/budget/used-up.ts';
import { Changes } from './changes.ts';
import { isAnyDue, nextDueOf } from './due.ts';
import { epochOf } from './epoch.ts';
import { Mailbox } from './mailbox.ts';
import { Presence } from './presence.ts';
import { isAnyReady, nextReadyOf } from './ready-tasks.ts';
import { findRow } from '../projection/rows.ts';
import { booksFrom } from '../projection/books.ts';
import { findThing, listThings } from '../projection/things.ts';
import { evidenceRemoved, findPruned, prunedEvidence } from '../projection/pruned.ts';
import { knownRoles, knowsRole } from '../projection/roles.ts';

/**
 * Log, projection and queue in one SQLite file. One IMMEDIATE transaction reads, decides, appends and folds. SQLite
 * allows one writer at a time, so two workers cannot claim the same task.
 */
export class SqliteBackend implements Backend {
  readonly away = false;
  readonly forgets = false;
  readonly refusesUnknownRoles = false;
  readonly #db: Connection;
  readonly #doorbell: Doorbell;
  readonly #mailbox: Mailbox;
  readonly #given: Circumstances;
  readonly #changes: Changes;
  readonly #presence: Presence;
  /** Whether the last claim found a task: then the next one looks for a task only in its transaction. */
  #hasClaimed = false;

  /**
   * @param clock ms since 1970
   * @param rules tests add their own kinds
   */
  constructor(
    db: Connection,
    doorbell: Doorbell,
    clock: () => number,
    random: () => number,
    rules: LogRules = logRules,
  ) {
    this.#db = db;
    this.#doorbell = doorbell;
    this.#mailbox = new Mailbox(db, clock);
    this.#presence = new Presence(db);
    this.#given = {
      get now() {
        return clock();
      },
      random,
    };
    this.#changes = new Changes(db, rules, this.#given);
  }

  async commit(requests: Iterable<Request>): Promise<readonly Outcome[]> {
    const rings = new Rings();
    let known: number | undefined;
    const epoch = () => (known ??= epochOf(this.#db));
    const { outcomes, keep } = this.#db.transaction(() => {
      const changes = Array.from(requests, (request) => this.#changes.request(request, rings, epoch));
      const outcomes = changes.map(({ outcome }) => outcome);
      const undone = outcomes.length > 1 && outcomes.some((outcome) => outcome.refusal);
      return { outcomes, keep: !undone && changes.some(({ written }) => written > 0) };
    });
    if (keep) rings.ring(this.#doorbell);
    // Nothing has changed in a batch that is undone.
    return keep ? outcomes : outcomes.map((outcome) => ({ ...outcome, changed: false }));
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    try {
      return this.#take(request);
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      // A claim that cannot be written cannot be made. If no task is ready, the answer needs no write.
      return this.#askOverlay(() => {
        if (isAnyReady(this.#db, request.role)) throw error;
        return this.#nothing(request.role);
      });
    }
  }

  #take(request: ClaimRequest): Claimed {
    const now = this.#given.now;
    const isSeen = this.#presence.isDue(request, now) && (request.stays || knowsRole(this.#db, request.role));
    const writes = isSeen || this.#hasClaimed;
    this.#hasClaimed = false;
    if (!writes && !isAnyReady(this.#db, request.role) && !isAnyDue(this.#db, now)) return this.#nothing(request.role);
    const rings = new Rings();
    const { task, held, keep } = this.#db.transaction(() => {
      let written = this.#changes.sweep(now, rings);
      if (isSeen) {
        if (this.#presence.isFirst(request)) rings.addOther();
        this.#presence.write(request, now);
        written++;
      }
      const { worker, lease, role } = request;
      for (;;) {
        const others = this.#changes.others();
        const books = booksFrom(others);
        const { row, held } = nextReadyOf(this.#db, role, books, now);
        if (!row) return { task: undefined, held, keep: written > 0 };
        // The task may prove expired at the moment of the claim: then the next one is tried.
        const { outcome, written: more } = this.#changes.apply(
          row.task.id,
          row,
          { type: 'claim', worker, lease, role },
          rings,
          this.#given.now,
          0,
          others,
        );
        written += more;
        if (outcome.task?.status === 'working') return { task: outcome.task, held, keep: true };
        if (more === 0)
          throw new AgentqError('corrupt', `${row.task.id} differs from its row`, 'agentq doctor --repair');
      }
    });
    if (keep) rings.ring(this.#doorbell);
    this.#hasClaimed = task !== undefined;
    return task ? { task } : this.#nothing(request.role, held);
  }

  #nothing(role: string, held?: UsedUp): Claimed {
    const next_due = Math.min(nextDueOf(this.#db, role) ?? Infinity, held?.until ?? Infinity);
    return { task: undefined, ...(next_due < Infinity && { next_due }), ...(held && { held: held.reason }) };
  }

  /** Every query runs on a store with the events that are due: in the file, or in memory if it cannot be written. */
  async #ask<T>(question: () => T): Promise<T> {
    try {
      this.#catchUp();
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      return this.#askOverlay(question);
    }
    return question();
  }

  async #askOverlay<T>(question: () => T): Promise<T> {
    const { askOverlay } = await import('./overlay.ts');
    return askOverlay(this.#db, this.#given.now, question);
  }

  #catchUp(): void {
    const now = this.#given.now;
    const rings = new Rings();
    while (isAnyDue(this.#db, now)) {
      this.#db.transaction(() => ({ keep: this.#changes.sweep(now, rings) > 0 }));
    }
    rings.ring(this.#doorbell);
  }

  async task(id: string): Promise<Task | undefined> {
    return this.#ask(() => findRow(this.#db, id)?.task);
  }

  async thing<N extends OtherKind>(kind: N, id: string): Promise<StateOf<LogKinds, N> | undefined> {
    return this.#ask(() => findThing(this.#db, { kind, id }) as StateOf<LogKinds, N> | undefined);
  }

  async things<N extends OtherKind>(
    kind: N,
    ids?: readonly string[],
  ): Promise<readonly KnownThing<StateOf<LogKinds, N>>[]> {
    return this.#ask(() => listThings(this.#db, kind, ids));
  }

  readonly lastKnown = (id: string): Promise<Task | undefined> => this.task(id);

  async history(id: string): Promise<readonly Event[]> {
    const { history } = await import('./history.ts');
    return this.#ask(() => history(this.#db, id));
  }

  async list(filter: Filter): Promise<readonly Task[]> {
    const { list } = await import('../projection/questions/list.ts');
    return this.#ask(() => list(this.#db, filter, 'task_open'));
  }

  async ended(question: EndedQuestion): Promise<Ended> {
    const { endedTasks } = await import('./ended.ts');
    return this.#ask(() => endedTasks(this.#db, question));
  }

  async counts(): Promise<Counts> {
    const { counts } = await import('../projection/questions/counts.ts');
    return this.#ask(() => counts(this.#db, 'task_open'));
  }

  async knowsRole(role: string): Promise<boolean> {
    return knowsRole(this.#db, role);
  }

  async knownRoles(): Promise<readonly string[]> {
    return knownRoles(this.#db);
  }

  async inbox(queue: string, limit: number): Promise<readonly Task[]> {
    return this.#ask(() => this.#mailbox.look(queue, limit));
  }

  async inboxIds(queue: string): Promise<ReadonlySet<string>> {
    return this.#ask(() => this.#mailbox.ids(queue));
  }

  async take(queue: string, limit: number): Promise<Taken> {
    this.#catchUp();
    return this.#mailbox.take(queue, limit);
  }

  async pruned(id: string): Promise<Pruned | undefined> {
    return prunedAt(findPruned(this.#db, id), this.now);
  }

  async prunedEvidence(limit: number): Promise<readonly Task[]> {
    return prunedEvidence(this.#db, limit);
  }

  async evidenceRemoved(ids: readonly string[]): Promise<void> {
    evidenceRemoved(this.#db, ids, this.now);
  }

  async audit(repair: boolean): Promise<readonly Finding[]> {
    const { audit } = await import('../projection/audit.ts');
    return audit(this.#db, repair);
  }

  watch(topic: Topic): Watch {
    return this.#doorbell.watch(topic);
  }

  get now(): number {
    return this.#given.now;
  }

  async close(): Promise<void> {
    this.#doorbell.close();
    this.#db.close();
  }

  async leave(): Promise<void> {}
}
