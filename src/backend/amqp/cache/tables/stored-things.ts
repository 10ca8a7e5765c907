import type { Kinds } from '../../../../core/log/kind.ts';
import type { LogEvent } from '../../../../core/log/rules.ts';
import { isTask, type Subject, subjectOf } from '../../../../core/log/subject.ts';
import type { Pruned } from '../../../../core/task/decision/pruned.ts';
import type { Task } from '../../../../core/task/task.ts';
import type { Connection } from '../../../projection/connection.ts';
import { change, findRow, insert, type Row } from '../../../projection/rows.ts';
import { appendThingEvent, findThing, writeThing } from '../../../projection/things.ts';
import { findPruned, prune } from '../../../projection/pruned.ts';
import type { Leases } from './leases.ts';
import { noteChanged } from './thing-log.ts';

/** The tables besides its own that name a task by the number of its row. */
const DERIVED = ['ending', 'end_place', 'lease', 'carried', 'vouched'];

/**
 * The things in the cache, while entries are folded. The rows of tasks are written at the end: most tasks are changed
 * several times in a row.
 */
export class StoredThings {
  readonly #db: Connection;
  readonly #leases: Leases;
  readonly #kinds: Kinds;
  /** By task id; undefined for one that is not in the cache. */
  readonly #tasks = new Map<string, Row | undefined>();
  readonly #changed = new Set<string>();
  /** The ids of the tasks in the map that have no row yet. */
  readonly #new = new Set<string>();
  /** The number of the newest task; undefined until a task is new. */
  #last: number | undefined;

  /** @param leases written together with the rows of the tasks */
  constructor(db: Connection, leases: Leases, kinds: Kinds) {
    this.#db = db;
    this.#kinds = kinds;
    this.#leases = leases;
  }

  task(id: string): Row | undefined {
    if (!this.#tasks.has(id)) this.#tasks.set(id, findRow(this.#db, id));
    return this.#tasks.get(id);
  }

  setTask(id: string, task: Task): void {
    const known = this.task(id);
    if (!known) this.#new.add(id);
    this.#tasks.set(id, { n: known?.n ?? this.#nextNumber(), task });
    this.#changed.add(id);
  }

  #nextNumber(): number {
    this.#last ??= this.#db.get<{ n: number | null }>('SELECT max(n) AS n FROM tasks')!.n ?? 0;
    return ++this.#last;
  }

  /** Removes a task that never existed. */
  removeTask(id: string): void {
    const { n } = this.task(id)!;
    this.write();
    this.#removeRows(n, [...DERIVED, 'events']);
    this.#db.run('DELETE FROM tasks WHERE n = ?', n);
    this.#tasks.set(id, undefined);
  }

  /** Removes a task, and remembers that it was pruned. */
  pruneTask(pruned: Pruned): void {
    const n = this.task(pruned.id)?.n;
    this.write();
    if (n !== undefined) this.#removeRows(n, DERIVED);
    prune(this.#db, n, pruned);
    this.#tasks.set(pruned.id, undefined);
  }

  #removeRows(n: number, tables: readonly string[]): void {
    for (const table of tables) this.#db.run(`DELETE FROM ${table} WHERE task = ?`, n);
  }

  /** The state of a thing; undefined if it does not exist. */
  find(thing: Subject): unknown {
    if (!isTask(thing)) return findThing(this.#db, thing);
    return this.task(thing.id)?.task ?? findPruned(this.#db, thing.id);
  }

  /** Writes the state of a thing that is not a task and that the entry at an offset has changed. */
  set(thing: Subject, state: unknown, offset: number, at: number): void {
    writeThing(this.#db, thing, state);
    const kind = this.#kinds[thing.kind]!;
    noteChanged(this.#db, thing, { offset, at, isCarried: kind.carries(state), isSum: kind.isSum === true });
  }

  append(event: LogEvent): void {
    const thing = subjectOf(event);
    if (!isTask(thing)) return appendThingEvent(this.#db, this.#kinds, thing, event);
    const n = this.task(thing.id)?.n;
    // A pruned task has no history.
    if (n === undefined) return;
    this.#db.run('INSERT INTO events (task, body) VALUES (?, ?)', n, JSON.stringify(event));
  }

  /** Writes the rows that have changed. */
  write(): void {
    for (const id of this.#changed) {
      const { n, task } = this.#tasks.get(id)!;
      const isNew = this.#new.delete(id);
      if (isNew) insert(this.#db, task, n);
      else change(this.#db, n, task);
      this.#leases.write(n, task, isNew);
    }
    this.#changed.clear();
  }
}
