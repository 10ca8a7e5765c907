import type { Command } from '../../core/task/decision/command.ts';
import type { Circumstances } from '../../core/task/decision/verdict.ts';
import { decide } from '../../core/task/decision/decide.ts';
import { type Applied, refusalOf } from '../../core/log/apply-entry.ts';
import { decideThing } from '../../core/log/decide-thing.ts';
import { isTaskThing, type LogKinds, type LogRules } from '../../core/log/rules.ts';
import { countsFrom } from '../../core/task/decision/moment.ts';
import { type Pruned, presentTask } from '../../core/task/decision/pruned.ts';
import { usedUpFor } from '../../core/budget/used-up.ts';
import { isThingRequest, type Outcome, type Request, type TaskRequest, type ThingRequest } from '../backend.ts';
import { booksFrom } from '../projection/books.ts';
import type { Connection } from '../projection/connection.ts';
import { findPruned } from '../projection/pruned.ts';
import type { Rings } from '../projection/rings.ts';
import { findRow, restore, type Row, toRow } from '../projection/rows.ts';
import { findThing } from '../projection/things.ts';
import { dueRows, isAnyDue } from './due.ts';
import { type Others, record } from './record.ts';

/** How many tasks one transaction changes because of time alone; the next transaction continues. */
const SWEEP = 500;

/** The outcome of a request, and how many events were written. */
interface Change {
  readonly outcome: Outcome;
  readonly written: number;
}

/** Carries out commands within the caller's transaction: decides, appends the events, and folds them. */
export class Changes {
  readonly #db: Connection;
  readonly #rules: LogRules;
  readonly #given: Circumstances;

  constructor(db: Connection, rules: LogRules, given: Circumstances) {
    this.#db = db;
    this.#rules = rules;
    this.#given = given;
  }

  /** The things of other kinds than tasks, each read once. Valid within one transaction, until one is changed. */
  others(): Others {
    const known = new Map<string, unknown>();
    return ({ kind, id }) => {
      const key = `${kind} ${id}`;
      if (!known.has(key)) known.set(key, findThing(this.#db, { kind, id }));
      return known.get(key);
    };
  }

  /** @param epoch returns the epoch of the store */
  request(request: Request, rings: Rings, epoch: () => number): Change {
    return isThingRequest(request) ? this.#thing(request, rings) : this.#task(request, rings, epoch);
  }

  #task({ task_id, command, at }: TaskRequest, rings: Rings, epoch: () => number): Change {
    const row = isFresh(command) ? undefined : findRow(this.#db, task_id);
    return this.apply(
      task_id,
      row,
      command,
      rings,
      countsFrom(row?.task, at, this.#given.now),
      row && command.type !== 'redo' ? 0 : epoch(),
    );
  }

  #thing({ about, command }: ThingRequest, rings: Rings): Change {
    const state = findThing(this.#db, about);
    const { events, refusal } = decideThing(this.#rules.kinds, about.kind, state, command, { now: this.#given.now });
    if (refusal || events.length === 0) {
      return { outcome: { task: undefined, changed: false, ...(refusal && { refusal }) }, written: 0 };
    }
    const applied = record(this.#db, this.#rules, events, new Map());
    const conflict = refusalOf(applied);
    if (conflict) return { outcome: { task: undefined, changed: false, refusal: conflict }, written: 0 };
    this.#note(applied, rings);
    return { outcome: { task: undefined, changed: true }, written: applied.events.length };
  }

  /** @param row the task, if it exists. @param now ms since 1970 */
  apply(
    id: string,
    row: Row | undefined,
    command: Command,
    rings: Rings,
    now = this.#given.now,
    epoch = 0,
    others = this.others(),
  ): Change {
    const { random } = this.#given;
    const usedUp: Circumstances['usedUp'] = (task) => usedUpFor(booksFrom(others), task, now);
    const given = { now, random, epoch, usedUp };
    const { events, task, ...decided } = decide(row?.task ?? this.#pruned(id, command), command, given);
    if (events.length === 0) return { outcome: { task, ...decided }, written: 0 };
    const applied = record(this.#db, this.#rules, events, new Map([[id, row]]), others);
    const refusal = refusalOf(applied);
    if (refusal) return { outcome: { task: row?.task, changed: false, refusal }, written: 0 };
    this.#note(applied, rings);
    const after = applied.things.filter(isTaskThing).find((thing) => thing.id === id)?.after ?? task;
    return { outcome: { task: presentTask(after), ...decided }, written: applied.events.length };
  }

  #pruned(id: string, command: Command): Pruned | undefined {
    return isFresh(command) ? undefined : findPruned(this.#db, id);
  }

  #note({ things }: Applied<LogKinds>, rings: Rings): void {
    for (const thing of things) {
      if (isTaskThing(thing)) rings.add(thing.before, thing.after);
      else rings.addOther();
      // Another budget may allow what has waited.
      if (thing.kind === 'policy') for (const role of this.#waitingRoles()) rings.addRole(role);
    }
  }

  #waitingRoles(): readonly string[] {
    return this.#db
      .all<{ role: string }>(`SELECT DISTINCT role FROM tasks WHERE status = 'queued' AND status <> 'completed'`)
      .map(({ role }) => role);
  }

  /** Appends the events that result from time alone. @returns how many tasks were due. @param now ms since 1970 */
  sweep(now: number, rings: Rings): number {
    if (!isAnyDue(this.#db, now)) return 0;
    const due = dueRows(this.#db, now, SWEEP);
    for (const row of due.map(toRow)) {
      const { written } = this.apply(row.task.id, row, { type: 'elapse' }, rings, now);
      // A row that is due by its columns but not by its state would be found again and again.
      if (written === 0) restore(this.#db, row.n, row.task);
    }
    return due.length;
  }
}

/** Whether no task can have the id: then it is not looked up. */
const isFresh = (command: Command): boolean => command.type === 'submit' && command.fresh === true;
