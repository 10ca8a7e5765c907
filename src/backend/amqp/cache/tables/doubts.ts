import type { LogEvent } from '../../../../core/log/rules.ts';
import { isTaskEvent } from '../../../../core/log/subject.ts';
import type { Connection } from '../../../projection/connection.ts';

/**
 * The tasks whose state this cache may have derived wrongly, because it did not know a thing that decides about tasks:
 * its log begins after the thing was changed. `changed` is where the log last mentioned the task, `since` when the doubt
 * began, ms since 1970.
 */
export const doubtsSchema = `
  CREATE TABLE doubtful (
    id      TEXT PRIMARY KEY,
    changed INTEGER NOT NULL,
    since   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Tasks that a coordinator's repeated state corrects. */
export class Doubts {
  readonly #db: Connection;
  #exist: boolean;

  constructor(db: Connection) {
    this.#db = db;
    this.#exist = db.get('SELECT 1 FROM doubtful LIMIT 1') !== undefined;
  }

  /** Begins to doubt every task that a worker has had. @param offset of the entry that shows what was unknown */
  begin(offset: number, at: number): void {
    this.#db.run(
      `INSERT OR IGNORE INTO doubtful (id, changed, since)
       SELECT id, ?, ? FROM tasks WHERE json_array_length(state, '$.attempts') > 0`,
      offset,
      at,
    );
    this.#exist = true;
  }

  /** Records that the log has mentioned tasks: what was repeated before is out of date. */
  mentioned(events: readonly LogEvent[], offset: number): void {
    if (!this.#exist) return;
    for (const { task_id } of events.filter(isTaskEvent))
      this.#db.run('UPDATE doubtful SET changed = ? WHERE id = ?', offset, task_id);
  }

  /** Whether the state of a task after an offset would correct this cache. */
  isCorrectedBy(id: string, after: number): boolean {
    if (!this.#exist) return false;
    return this.#db.get('SELECT 1 FROM doubtful WHERE id = ? AND changed <= ?', id, after) !== undefined;
  }

  /** A coordinator has said the same, or corrected it. */
  confirmed(id: string): void {
    if (this.#exist) this.#db.run('DELETE FROM doubtful WHERE id = ?', id);
  }
}

export function isDoubtful(db: Connection, id: string): boolean {
  return db.get('SELECT 1 FROM doubtful WHERE id = ?', id) !== undefined;
}
