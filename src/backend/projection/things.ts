import type { Kinds } from '../../core/log/kind.ts';
import type { LogEvent } from '../../core/log/rules.ts';
import type { Subject } from '../../core/log/subject.ts';
import type { KnownThing } from '../backend.ts';
import type { Connection } from './connection.ts';
import { parseStored } from './rows.ts';

/**
 * Things of any kind, with their events. A kind that needs its own columns has its own table, as tasks have.
 */
export const thingsSchema = `
  CREATE TABLE IF NOT EXISTS things (
    kind  TEXT NOT NULL,
    id    TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS thing_events (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id, seq)
  ) STRICT, WITHOUT ROWID;
`;

/** The state of a thing; undefined if it does not exist. */
export function findThing(db: Connection, { kind, id }: Subject): unknown {
  const stored = db.get<{ state: string }>('SELECT state FROM things WHERE kind = ? AND id = ?', kind, id);
  return stored && parseStored(stored.state);
}

/** The things of a kind, by id: all, or those with the given ids. */
export function listThings<S>(db: Connection, kind: string, ids?: readonly string[]): readonly KnownThing<S>[] {
  const [only, values] = ids ? ['AND id IN (SELECT value FROM json_each(?))', [JSON.stringify(ids)]] : ['', []];
  return db
    .all<{ id: string; state: string }>(
      `SELECT id, state FROM things WHERE kind = ? ${only} ORDER BY id`,
      kind,
      ...values,
    )
    .map(({ id, state }) => ({ id, state: parseStored(state) as S }));
}

export function writeThing(db: Connection, { kind, id }: Subject, state: unknown): void {
  db.run('INSERT OR REPLACE INTO things (kind, id, state) VALUES (?, ?, ?)', kind, id, JSON.stringify(state));
}

/** Appends to the history of a thing, if things of its kind have one. */
export function appendThingEvent(db: Connection, kinds: Kinds, { kind, id }: Subject, event: LogEvent): void {
  if (kinds[kind]?.keepsEvents === false) return;
  db.run(
    `INSERT INTO thing_events (kind, id, seq, body)
     SELECT ?1, ?2, coalesce(max(seq), 0) + 1, ?3 FROM thing_events WHERE kind = ?1 AND id = ?2`,
    kind,
    id,
    JSON.stringify(event),
  );
}
