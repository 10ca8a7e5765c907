import { type Carried, type Subject } from '../../../../core/log/subject.ts';
import type { Connection } from '../../../projection/connection.ts';
import { parseStored } from '../../../projection/rows.ts';

/** The highest offset with which a log begins: 0 on RabbitMQ, 1 on LavinMQ. */
const FIRST = 1;

/**
 * Where the log last changed each thing that is not a task, and when the log has last contained its state. Null if the
 * time is not needed, because no later fold reads the thing. `sum` is for a state that adds up all events: 'whole' if the
 * cache has folded the log since its beginning, 'part' if the log had dropped some of it, null if a coordinator has
 * repeated it, and for other states.
 */
export const thingLogSchema = `
  CREATE TABLE thing_log (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    changed INTEGER NOT NULL,
    said_at INTEGER,
    sum     TEXT,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX thing_said ON thing_log (said_at) WHERE said_at IS NOT NULL;
`;

/**
 * Records that a thing has changed.
 * @param offset of the entry
 * @param at the time that the log has reached, ms since 1970
 * @param isCarried whether a later fold may read the thing
 * @param isSum whether its state adds up all events
 */
export function noteChanged(
  db: Connection,
  { kind, id }: Subject,
  { offset, at, ...is }: Readonly<Record<'offset' | 'at', number> & Record<'isCarried' | 'isSum', boolean>>,
): void {
  db.run(
    `INSERT INTO thing_log (kind, id, changed, said_at, sum)
     VALUES (?1, ?2, ?3, ?4, CASE ?5 WHEN 1 THEN (SELECT iif(first <= ${FIRST}, 'whole', 'part') FROM log) END)
     ON CONFLICT DO UPDATE SET changed = ?3, said_at = CASE WHEN ?4 IS NULL THEN NULL ELSE coalesce(said_at, ?4) END`,
    kind,
    id,
    offset,
    is.isCarried ? at : null,
    is.isSum ? 1 : 0,
  );
}

/** The offset of the entry that last changed a thing, and whether it is a sum of the whole log; undefined for an unknown thing. */
export function changeOf(db: Connection, { kind, id }: Subject): { changed: number; isWhole: number } | undefined {
  return db.get("SELECT changed, sum IS 'whole' AS isWhole FROM thing_log WHERE kind = ? AND id = ?", kind, id);
}

/**
 * Records that the log contains the state of a thing again.
 * @param isNews whether this cache had another state, or none
 */
export function noteRepeated(db: Connection, { kind, id }: Subject, at: number, isNews: boolean): void {
  const sum = isNews ? 'NULL' : "iif(sum = 'whole', sum, NULL)";
  db.run(
    `UPDATE thing_log SET sum = ${sum}, said_at = iif(said_at IS NULL, NULL, ?) WHERE kind = ? AND id = ?`,
    at,
    kind,
    id,
  );
}

/**
 * The events that repeat things, for those whose state the log has last contained before a time, or in the future.
 * @param before ms since 1970
 * @param late the same for a sum that lacks what the log has dropped: a machine that knows all of it comes first
 * @param future a time from which on a time is wrong
 */
export function thingsToCarry(
  db: Connection,
  { before, late, future, now, limit }: Readonly<Record<'before' | 'late' | 'future' | 'now' | 'limit', number>>,
): readonly Carried[] {
  return db
    .all<{ kind: string; id: string; state: string }>(
      `SELECT kind, id, state FROM thing_log JOIN things USING (kind, id)
       WHERE said_at IS NOT NULL AND (said_at <= ? OR said_at > ?)
         AND (sum IS NOT 'part' OR said_at <= ?) ORDER BY said_at LIMIT ?`,
      before,
      future,
      late,
      limit,
    )
    .map(({ kind, id, state }) => ({
      v: 2,
      type: 'carried',
      about: { kind, id },
      at: now,
      state: parseStored(state),
    }));
}
