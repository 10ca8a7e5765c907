import { type Carried, type Subject } from '../../../../core/log/subject.ts';
import type { Connection } from '../../../projection/connection.ts';
import { parseStored } from '../../../projection/rows.ts';

/**
 * Where the log last changed each thing that is not a task, and when the log has last contained its state. Null if the
 * time is not needed, because no later fold reads the thing.
 */
export const thingLogSchema = `
  CREATE TABLE thing_log (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    changed INTEGER NOT NULL,
    said_at INTEGER,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX thing_said ON thing_log (said_at) WHERE said_at IS NOT NULL;
`;

/**
 * Records that a thing has changed.
 * @param offset of the entry
 * @param at the time that the log has reached, ms since 1970
 * @param isCarried whether a later fold may read the thing
 */
export function noteChanged(
  db: Connection,
  { kind, id }: Subject,
  { offset, at, isCarried }: { readonly offset: number; readonly at: number; readonly isCarried: boolean },
): void {
  db.run(
    `INSERT INTO thing_log (kind, id, changed, said_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT DO UPDATE SET changed = ?3, said_at = CASE WHEN ?4 IS NULL THEN NULL ELSE coalesce(said_at, ?4) END`,
    kind,
    id,
    offset,
    isCarried ? at : null,
  );
}

/** The offset of the entry that last changed a thing; undefined for an unknown thing. */
export function changedAt(db: Connection, { kind, id }: Subject): number | undefined {
  return db.get<{ changed: number }>('SELECT changed FROM thing_log WHERE kind = ? AND id = ?', kind, id)?.changed;
}

/** Records that the log contains the state of a thing again. */
export function noteRepeated(db: Connection, { kind, id }: Subject, at: number): void {
  db.run('UPDATE thing_log SET said_at = ? WHERE kind = ? AND id = ? AND said_at IS NOT NULL', at, kind, id);
}

/**
 * The events that repeat things, for those whose state the log has last contained before a time, or in the future.
 * @param before ms since 1970
 * @param future a time from which on a time is wrong
 */
export function thingsToCarry(
  db: Connection,
  { before, future, now, limit }: Readonly<Record<'before' | 'future' | 'now' | 'limit', number>>,
): readonly Carried[] {
  return db
    .all<{ kind: string; id: string; state: string }>(
      `SELECT kind, id, state FROM thing_log JOIN things USING (kind, id)
       WHERE said_at IS NOT NULL AND (said_at <= ? OR said_at > ?) ORDER BY said_at LIMIT ?`,
      before,
      future,
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
