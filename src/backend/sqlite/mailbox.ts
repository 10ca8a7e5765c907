import type { Task } from '../../core/task/task.ts';
import type { Taken } from '../backend.ts';
import type { Connection } from '../projection/connection.ts';
import { type StoredRow, toRow } from '../projection/rows.ts';

/** How long messages that one reader has taken are hidden from the others, in ms. */
const HIDDEN = 60_000;

const MESSAGES = 'messages JOIN tasks ON tasks.n = messages.task WHERE queue = ?';

/** If the clock was set back, a message must not be hidden for longer. */
const SHOWN = 'SELECT event FROM inbox_shown WHERE until > ? AND until <= ?';

interface Waiting extends StoredRow {
  /** The event that ended the task. */
  readonly event: number;
}

/**
 * The result messages that are not acknowledged yet. Messages that a reader has taken are in `inbox_shown` as well,
 * with the time from which others may read them again: the reader may have died.
 */
export class Mailbox {
  readonly #db: Connection;
  readonly #clock: () => number;

  /** @param clock ms since 1970 */
  constructor(db: Connection, clock: () => number) {
    this.#db = db;
    this.#clock = clock;
  }

  /** The tasks of the oldest messages in a queue that no reader has taken. Writes nothing. */
  look(queue: string, limit: number): readonly Task[] {
    return this.#waiting(queue, limit).map((row) => toRow(row).task);
  }

  /** The ids of the tasks of all these messages. Writes nothing. */
  ids(queue: string): ReadonlySet<string> {
    const now = this.#clock();
    const sql = `SELECT id FROM ${MESSAGES} AND event NOT IN (${SHOWN})`;
    const ids = new Set<string>();
    for (const { id } of this.#db.each<{ id: string }>(sql, queue, now, now + HIDDEN)) ids.add(id);
    return ids;
  }

  #waiting(queue: string, limit: number): readonly Waiting[] {
    const now = this.#clock();
    const sql = `SELECT event, n, state FROM ${MESSAGES} AND event NOT IN (${SHOWN}) ORDER BY event LIMIT ?`;
    return this.#db.all<Waiting>(sql, queue, now, now + HIDDEN, limit);
  }

  /** Takes the oldest messages for this reader. */
  take(queue: string, limit: number): Taken {
    if (this.#waiting(queue, 1).length === 0) return inHand([], () => {});
    const until = this.#clock() + HIDDEN;
    const { rows } = this.#db.transaction(() => {
      const found = this.#waiting(queue, limit);
      this.#db.run('DELETE FROM inbox_shown WHERE until <= ? OR until > ?', until - HIDDEN, until);
      for (const { event } of found) {
        this.#db.run('INSERT OR REPLACE INTO inbox_shown (event, until) VALUES (?, ?)', event, until);
      }
      return { rows: found, keep: found.length > 0 };
    });
    return inHand(
      rows.map((row) => toRow(row).task),
      (done) => this.#letGo(queue, rows, until, done),
    );
  }

  /** @param until distinguishes this reader from a later one that takes the same messages */
  #letGo(queue: string, rows: readonly Waiting[], until: number, done: boolean): void {
    this.#db.transaction(() => {
      // The store may have been restored from a backup since, with another message under the same number.
      for (const row of rows) {
        const { event } = row;
        const same = 'queue = ? AND event = ? AND task = (SELECT n FROM tasks WHERE id = ?)';
        if (done) this.#db.run(`DELETE FROM messages WHERE ${same}`, queue, event, toRow(row).task.id);
        this.#db.run('DELETE FROM inbox_shown WHERE event = ? AND until = ?', event, until);
      }
      return { keep: true };
    });
  }
}

function inHand(tasks: readonly Task[], letGo: (done: boolean) => void): Taken {
  return {
    tasks,
    async acknowledge() {
      if (tasks.length > 0) letGo(true);
    },
    async release() {
      if (tasks.length > 0) letGo(false);
    },
  };
}
