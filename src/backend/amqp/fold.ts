import { isDeepStrictEqual } from 'node:util';
import type { Event, EventOf } from '../../core/event.ts';
import { foreignEvent } from '../../core/foreign-result.ts';
import { applyEntry } from '../../core/log-entry.ts';
import { isFinished, type Task } from '../../core/task.ts';
import type { Connection } from '../projection/connection.ts';
import { change, findRow, insert, type Row, type Stored, toRow } from '../projection/rows.ts';
import { endingOf, foreignEntry, heard } from './entry-id.ts';
import type { LogEntry } from './log-entry.ts';

/** The longest absence that is believed, in ms. */
const LONGEST = 7 * 86_400_000;

/** How many times of silence are remembered. */
const SILENCES = 100;

/** The shortest absence that leases are moved for, in ms: what is left of one that was told before is none. */
const SHORTEST = 1_000;

/**
 * Folds entries into the cache, within the caller's transaction. Rows are written at the end of it: most tasks are
 * touched several times in a row.
 */
export class Fold {
  readonly #db: Connection;
  /** By task id; undefined for one that is not in the cache. */
  readonly #tasks = new Map<string, Row | undefined>();
  readonly #changed = new Set<string>();
  /** Those of them that have no row yet. */
  readonly #new = new Set<string>();
  /** The number of the newest task; undefined until one is new. */
  #last: number | undefined;
  #at: number;
  /** Of the message that is being folded. */
  #offset = -1;

  constructor(db: Connection, at: number) {
    this.#db = db;
    this.#at = at;
  }

  /** The time that the log has reached, ms since 1970. */
  get at(): number {
    return this.#at;
  }

  /** @returns whether it took effect; undefined for one that could not */
  add(entry: LogEntry, offset: number): boolean | undefined {
    this.#offset = offset;
    this.#notice(entry.at);
    const effect = this.#add(entry);
    this.#at = Math.max(this.#at, entry.at);
    return effect;
  }

  /** A time when nobody was heard. */
  #notice(at: number): void {
    if (this.#at === 0 || at - this.#at < SHORTEST) return;
    this.#db.run('INSERT INTO silence (began, ended) VALUES (?, ?)', this.#at, at);
    this.#db.run('DELETE FROM silence WHERE rowid <= (SELECT max(rowid) FROM silence) - ?', SILENCES);
  }

  #add(entry: LogEntry): boolean | undefined {
    switch (entry.kind) {
      case 'events':
        return this.#addEvents(entry);
      case 'due':
        return this.#apply(entry.id, [{ v: 1, type: 'became-due', task_id: entry.task_id, at: entry.at }]);
      case 'result': {
        if (entry.announces !== undefined) return this.#announced(entry.announces);
        const task = this.#find(entry.message.task_id)?.task;
        if (!task) this.#orphan(entry.message.task_id);
        const event = task && foreignEvent(task, entry.message, entry.at);
        this.#db.run('INSERT OR IGNORE INTO entry (id, accepted) VALUES (?, 1)', heard(entry.digest));
        return event !== undefined && this.#apply(foreignEntry(entry.id, entry.digest), [event]);
      }
      case 'unreadable':
        this.#db.run('UPDATE log SET unreadable = unreadable + 1');
        return false;
      default:
        return entry satisfies never;
    }
  }

  #addEvents(entry: LogEntry & { kind: 'events' }): boolean | undefined {
    const { seen, announced, away, at } = entry;
    if (seen) {
      this.#db.run(
        'INSERT INTO worker (name, role, seen_at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seen_at = max(seen_at, ?3)',
        seen.worker,
        seen.role,
        at,
      );
    }
    if (announced !== undefined) this.#announced(announced);
    if (away && away.to <= at && away.to - away.from <= LONGEST) this.#stretchLeases(entry.id, away);
    const [first] = entry.events;
    if (!first) return undefined;
    if (first.type === 'carried') {
      const rightful = entry.role === undefined || first.task.envelope.to === entry.role;
      return rightful && this.#carry(entry.id, first, entry.after ?? -1);
    }
    return this.#apply(entry.id, entry.events, entry.role);
  }

  #announced(ending: string): undefined {
    this.#db.run('UPDATE ending SET announced = 1 WHERE id = ?', ending);
  }

  /** @param role the one whose tasks it may be about; undefined for all */
  #apply(id: string, events: readonly Event[], role?: string): boolean {
    const known = this.#db.get<{ accepted: number }>('SELECT accepted FROM entry WHERE id = ?', id);
    if (known) return known.accepted === 1;
    const rightful = role === undefined || this.#rolesOf(events).every((one) => one === role);
    const {
      accepted,
      events: kept,
      tasks,
    } = rightful
      ? applyEntry(events, (task) => this.#find(task)?.task)
      : { accepted: false, events: [], tasks: new Map<string, Task>() };
    this.#db.run('INSERT INTO entry (id, accepted) VALUES (?, ?)', id, accepted ? 1 : 0);
    for (const [task, after] of tasks) this.#set(task, after, id);
    if (!accepted) for (const { task_id } of events) if (!this.#find(task_id)) this.#orphan(task_id);
    for (const event of kept) {
      this.#db.run('INSERT INTO event (task, body) VALUES (?, ?)', this.#find(event.task_id)!.n, JSON.stringify(event));
    }
    return accepted;
  }

  /**
   * An open task, said again before the log forgets its beginning. Whoever knows the task notes when it was said, if
   * it still is so. Whoever does not, because the log begins later, learns it from here: unless the log has spoken of
   * the task since its state was taken.
   * @param after how far the log was read when the state was taken
   */
  #carry(id: string, event: EventOf<'carried'>, after: number): boolean {
    const known = this.#find(event.task_id);
    if (known) {
      if (!isDeepStrictEqual(JSON.parse(JSON.stringify(known.task)), event.task)) return false;
      this.#db.run('INSERT OR REPLACE INTO carried (task, at) VALUES (?, ?)', known.n, event.at);
      return true;
    }
    const orphan = this.#db.get<{ last: number }>('SELECT last FROM orphan WHERE id = ?', event.task_id);
    if (orphan && orphan.last > after) return false;
    this.#db.run('DELETE FROM orphan WHERE id = ?', event.task_id);
    if (!this.#apply(id, [event])) return false;
    this.#db.run('INSERT OR REPLACE INTO carried (task, at) VALUES (?, ?)', this.#find(event.task_id)!.n, event.at);
    return true;
  }

  #orphan(id: string): void {
    this.#db.run('INSERT OR REPLACE INTO orphan (id, last) VALUES (?, ?)', id, this.#offset);
  }

  /** Whose tasks they are about; undefined for a task that there is not. */
  #rolesOf(events: readonly Event[]): readonly (string | undefined)[] {
    const fresh = new Map(
      events.flatMap((event) => (event.type === 'submitted' ? [[event.task_id, event.envelope.to]] : [])),
    );
    return events.map(({ task_id }) => fresh.get(task_id) ?? this.#find(task_id)?.task.envelope.to);
  }

  #find(id: string): Row | undefined {
    if (!this.#tasks.has(id)) this.#tasks.set(id, findRow(this.#db, id));
    return this.#tasks.get(id);
  }

  #set(id: string, after: Task, entry: string): void {
    const before = this.#find(id);
    const n = before?.n ?? this.#nextNumber();
    if (!before) this.#new.add(id);
    this.#tasks.set(id, { n, task: after });
    this.#changed.add(id);
    if (isFinished(after)) {
      if (before && isFinished(before.task)) return;
      const ending = endingOf(id, entry);
      this.#db.run('INSERT OR REPLACE INTO ending VALUES (?, ?, ?, 0)', n, ending, after.updated_at);
    } else if (before && isFinished(before.task)) {
      this.#db.run('DELETE FROM ending WHERE task = ?', n);
    }
  }

  #nextNumber(): number {
    this.#last ??= this.#db.get<{ n: number | null }>('SELECT max(n) AS n FROM task')!.n ?? 0;
    return ++this.#last;
  }

  /**
   * While nobody could reach the broker, no worker could renew its lease: no lease runs on meanwhile. Several tell of
   * one absence, each in its own words; what was counted before does not count again, and neither does the time when
   * others were heard, so that it was only the teller who was cut off. It counts from when it began: by then the leases
   * were live.
   */
  #stretchLeases(id: string, away: { readonly from: number; readonly to: number }): void {
    const { away_until } = this.#db.get<{ away_until: number }>('SELECT away_until FROM log')!;
    const from = Math.max(away.from, away_until);
    const { silent } = this.#db.get<{ silent: number }>(
      `SELECT coalesce(sum(min(ended, ?2) - max(began, ?1)), 0) AS silent FROM silence
       WHERE min(ended, ?2) > max(began, ?1)`,
      from,
      away.to,
    )!;
    if (silent < SHORTEST) return;
    this.#db.run('UPDATE log SET away_until = ?', away.to);
    this.write();
    for (const { task } of this.#db
      .all<Stored>("SELECT n, state FROM task WHERE status = 'working'")
      .map((stored) => toRow(stored))) {
      if (task.status !== 'working' || task.lease.expires_at <= from) continue;
      const { attempt, expires_at } = task.lease;
      const later = expires_at + silent;
      this.#apply(`${id}:${task.id}`, [
        { v: 1, type: 'renewed', task_id: task.id, at: from, attempt, expires_at: later },
      ]);
    }
  }

  /** Writes the rows that have changed. */
  write(): void {
    for (const id of this.#changed) {
      const { n, task } = this.#tasks.get(id)!;
      if (this.#new.delete(id)) insert(this.#db, task, n);
      else change(this.#db, n, task);
    }
    this.#changed.clear();
  }
}
