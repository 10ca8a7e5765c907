import type { Task } from '../../core/task/task.ts';
import type { Taken } from '../backend.ts';
import type { Connection } from '../projection/connection.ts';
import { type StoredRow, toRow } from '../projection/rows.ts';

/** How long messages that were shown to one reader are hidden from the others, in ms. */
const HIDDEN = 60_000;

const WAITING = 'SELECT event, n, state FROM mailbox JOIN task ON task.n = mailbox.task WHERE queue = ?';

const SHOWN = 'CREATE TABLE IF NOT EXISTS inbox_shown (event INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT';

interface Waiting extends StoredRow {
  /** The event that ended the task. */
  readonly event: number;
}

/**
 * The result messages that are not acknowledged yet. Those in one reader's hands stand in `inbox_shown` as well, with
 * the moment from which on others may see them again: its reader may have died. An older agentq passes that table by.
 */
export class Mailbox {
  readonly #db: Connection;
  readonly #clock: () => number;

  /** @param clock ms since 1970 */
  constructor(db: Connection, clock: () => number) {
    this.#db = db;
    this.#clock = clock;
  }

  /** The oldest that wait in a queue and are in no reader's hands. Writes nothing. */
  look(queue: string, limit: number): readonly Waiting[] {
    if (!this.#db.get("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'inbox_shown'")) {
      return this.#db.all<Waiting>(`${WAITING} ORDER BY event LIMIT ?`, queue, limit);
    }
    const now = this.#clock();
    // A clock that was set back must not hide anything for longer.
    const shown = 'SELECT event FROM inbox_shown WHERE until > ? AND until <= ?';
    return this.#db.all<Waiting>(
      `${WAITING} AND event NOT IN (${shown}) ORDER BY event LIMIT ?`,
      queue,
      now,
      now + HIDDEN,
      limit,
    );
  }

  /** Takes the oldest into this reader's hands. */
  take(queue: string, limit: number): Taken {
    if (this.look(queue, 1).length === 0) return inHand([], () => {});
    const until = this.#clock() + HIDDEN;
    const { rows } = this.#db.transaction(() => {
      this.#db.run(SHOWN);
      const found = this.look(queue, limit);
      this.#db.run('DELETE FROM inbox_shown WHERE event NOT IN (SELECT event FROM mailbox)');
      for (const { event } of found) {
        this.#db.run('INSERT OR REPLACE INTO inbox_shown (event, until) VALUES (?, ?)', event, until);
      }
      return { rows: found, keep: found.length > 0 };
    });
    return inHand(
      rows.map((row) => toRow(row).task),
      (done) => this.#letGo(rows, until, done),
    );
  }

  /** @param until tells this reader from a later one, who is shown the same */
  #letGo(rows: readonly Waiting[], until: number, done: boolean): void {
    this.#db.transaction(() => {
      // The queue may have been restored from a backup since: without this table, and with another message of the number.
      this.#db.run(SHOWN);
      for (const row of rows) {
        const { event } = row;
        const same = 'event = ? AND task = (SELECT n FROM task WHERE id = ?)';
        if (done) this.#db.run(`DELETE FROM mailbox WHERE ${same}`, event, toRow(row).task.id);
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
