import type { Ended, EndedQuestion } from '../../../backend.ts';
import type { Connection } from '../../../projection/connection.ts';
import { answer, ENDED, type EndedRow, LATEST, placeOf, scopeOf, textOf } from '../../../projection/questions/ended.ts';

/**
 * `end_place` records at which offset of the log a task has ended. The offset is the same for all machines. The table
 * is copied whole into a snapshot.
 */
export const endPlacesSchema = `
  CREATE TABLE end_place (
    task   INTEGER PRIMARY KEY,
    offset INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX end_place_offset ON end_place (offset);
`;

/** Records where a task has ended. @param offset undefined if it has been taken back */
export function noteEndPlace(db: Connection, n: number, offset: number | undefined): void {
  if (offset === undefined) db.run('DELETE FROM end_place WHERE task = ?', n);
  else db.run('INSERT OR REPLACE INTO end_place VALUES (?, ?)', n, offset);
}

/** Records the end of a task that another machine has repeated, unless the log itself has shown it. */
export function adoptEndPlace(db: Connection, n: number, offset: number): void {
  db.run('INSERT OR IGNORE INTO end_place VALUES (?, ?)', n, offset);
}

/** The tasks that have ended after a place in the log: an offset. */
export function endedTasks(db: Connection, question: EndedQuestion): Ended {
  const { limit } = question;
  const end = db.get<{ last: number }>('SELECT last FROM log')!.last;
  const after = question.after === undefined ? undefined : placeOf(question.after, end);
  const { sql, value } = scopeOf(question, after === undefined ? '' : '+');
  const news =
    after === undefined
      ? `SELECT n, -1 AS end FROM tasks WHERE ${sql} AND ${ENDED} ${LATEST}`
      : `SELECT n, offset AS end FROM end_place JOIN tasks ON n = task WHERE offset > ? AND ${sql} AND ${ENDED}`;
  const bound = after === undefined ? [value, limit] : [after, value];
  // One statement sees one state of the file.
  const rows = db.all<{ place: number; n: number | null; end: number }>(
    `SELECT place, n, end FROM (SELECT last AS place FROM log) LEFT JOIN (${news})`,
    ...bound,
  );
  const found: EndedRow[] = rows.flatMap(({ n, end }) => (n === null ? [] : [{ n, end }]));
  const told = answer(db, question, found, rows[0]!.place);
  return { ...told, place: textOf(told.place) };
}
