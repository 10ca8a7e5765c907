import type { Command } from '../../core/task/decision/command.ts';
import type { Circumstances } from '../../core/task/decision/verdict.ts';
import { decide } from '../../core/task/decision/decide.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event } from '../../core/task/event.ts';
import { type LogRules, rules as logRules } from '../../core/log/rules.ts';
import { refusalOf } from '../../core/log/apply-entry.ts';
import { countsFrom } from '../../core/task/decision/moment.ts';
import { type Pruned, presentTask, prunedAt } from '../../core/task/decision/pruned.ts';
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
import { dueRows, isAnyDue, nextDueOf } from './due.ts';
import { epochOf } from './epoch.ts';
import { Mailbox } from './mailbox.ts';
import { Presence } from './presence.ts';
import { isAnyReady, nextReady } from './ready-tasks.ts';
import { record } from './record.ts';
import { findRow, restore, type Row, toRow } from '../projection/rows.ts';
import { evidenceRemoved, findPruned, prunedEvidence } from '../projection/pruned.ts';
import { counts } from '../projection/questions/counts.ts';
import { list } from '../projection/questions/list.ts';
import { knownRoles, knowsRole } from '../projection/roles.ts';

/** How many tasks one transaction changes because of time alone; the next transaction continues. */
const SWEEP = 500;

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
  readonly #rules: LogRules;
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
    this.#rules = rules;
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
  }

  async commit(requests: Iterable<Request>): Promise<readonly Outcome[]> {
    const rings = new Rings();
    let epoch: number | undefined;
    const { outcomes, keep } = this.#db.transaction(() => {
      const outcomes: Outcome[] = [];
      let writes = 0;
      for (const { task_id, command, at } of requests) {
        const row = isFresh(command) ? undefined : findRow(this.#db, task_id);
        if (!row || command.type === 'redo') epoch ??= epochOf(this.#db);
        const now = countsFrom(row?.task, at, this.#given.now);
        const { outcome, written } = this.#apply(task_id, row, command, rings, now, epoch);
        outcomes.push(outcome);
        writes += written;
      }
      const undone = outcomes.length > 1 && outcomes.some((outcome) => outcome.refusal);
      return { outcomes, keep: writes > 0 && !undone };
    });
    if (keep) rings.ring(this.#doorbell);
    // Nothing has changed in a batch that is undone.
    return keep ? outcomes : outcomes.map((outcome) => ({ ...outcome, changed: false }));
  }

  /** Within the caller's transaction. @returns the outcome, and how many events were written */
  #apply(
    id: string,
    row: Row | undefined,
    command: Command,
    rings: Rings,
    now = this.#given.now,
    epoch = 0,
  ): { readonly outcome: Outcome; readonly written: number } {
    const { random } = this.#given;
    const known = row?.task ?? (isFresh(command) ? undefined : findPruned(this.#db, id));
    const { events, task, ...decided } = decide(known, command, { now, random, epoch });
    if (events.length === 0) return { outcome: { task, ...decided }, written: 0 };
    const applied = record(this.#db, this.#rules, events, new Map([[id, row]]));
    const refusal = refusalOf(applied);
    if (refusal) return { outcome: { task: row?.task, changed: false, refusal }, written: 0 };
    for (const { before, after } of applied.things) rings.add(before, after);
    const after = applied.things.find((thing) => thing.id === id)?.after ?? task;
    return { outcome: { task: presentTask(after), ...decided }, written: applied.events.length };
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
    const { task, keep } = this.#db.transaction(() => {
      let written = this.#sweep(now, rings);
      if (isSeen) {
        if (this.#presence.isFirst(request)) rings.addOther();
        this.#presence.write(request, now);
        written++;
      }
      const { worker, lease } = request;
      for (let row = nextReady(this.#db, request.role); row; row = nextReady(this.#db, request.role)) {
        // The task may prove expired at the moment of the claim: then the next one is tried.
        const { outcome, written: more } = this.#apply(row.task.id, row, { type: 'claim', worker, lease }, rings);
        written += more;
        if (outcome.task?.status === 'working') return { task: outcome.task, keep: true };
        if (more === 0)
          throw new AgentqError('corrupt', `${row.task.id} differs from its row`, 'agentq doctor --repair');
      }
      return { task: undefined, keep: written > 0 };
    });
    if (keep) rings.ring(this.#doorbell);
    this.#hasClaimed = task !== undefined;
    return task ? { task } : this.#nothing(request.role);
  }

  #nothing(role: string): Claimed {
    const next_due = nextDueOf(this.#db, role);
    return { task: undefined, ...(next_due !== undefined && { next_due }) };
  }

  /** Appends the events that result from time alone. Within the caller's transaction. */
  #sweep(now: number, rings: Rings): number {
    if (!isAnyDue(this.#db, now)) return 0;
    const due = dueRows(this.#db, now, SWEEP);
    for (const row of due.map(toRow)) {
      const { written } = this.#apply(row.task.id, row, { type: 'elapse' }, rings, now);
      // A row that is due by its columns but not by its state would be found again and again.
      if (written === 0) restore(this.#db, row.n, row.task);
    }
    return due.length;
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
      this.#db.transaction(() => ({ keep: this.#sweep(now, rings) > 0 }));
    }
    rings.ring(this.#doorbell);
  }

  async task(id: string): Promise<Task | undefined> {
    return this.#ask(() => findRow(this.#db, id)?.task);
  }

  readonly lastKnown = (id: string): Promise<Task | undefined> => this.task(id);

  async history(id: string): Promise<readonly Event[]> {
    const { history } = await import('./history.ts');
    return this.#ask(() => history(this.#db, id));
  }

  async list(filter: Filter): Promise<readonly Task[]> {
    return this.#ask(() => list(this.#db, filter, 'task_open'));
  }

  async ended(question: EndedQuestion): Promise<Ended> {
    const { endedTasks } = await import('./ended.ts');
    return this.#ask(() => endedTasks(this.#db, question));
  }

  async counts(): Promise<Counts> {
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

/** Whether no task can have the id: then it is not looked up. */
const isFresh = (command: Command): boolean => command.type === 'submit' && command.fresh === true;
