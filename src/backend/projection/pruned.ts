import type { Pruned } from '../../core/task/decision/pruned.ts';
import type { Task } from '../../core/task/task.ts';
import type { Connection } from './connection.ts';
import { type StoredRow, toRow } from './rows.ts';

/**
 * `pruned` remembers the ids of pruned tasks by the first half of their SHA-256; `pruned_evidence` holds the last state
 * of those whose evidence may still be in the artifact store.
 */
export const prunedSchema = `
  CREATE TABLE pruned (
    hash        TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    pruned_at   INTEGER NOT NULL,
    known_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pruned_until ON pruned (known_until);

  CREATE TABLE pruned_evidence (
    id    TEXT PRIMARY KEY,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** It loads OpenSSL: only a store in which tasks were pruned needs it. */
const hashOf = (id: string) => process.getBuiltinModule('node:crypto').hash('sha256', id, 'hex').slice(0, 32);

/** Whether the task was pruned, and when; undefined for any other id. Its id may be free again. */
export function findPruned(db: Connection, id: string): Pruned | undefined {
  // Most stores are never pruned: the hash is then not needed.
  if (!db.get('SELECT 1 FROM pruned LIMIT 1')) return undefined;
  const found = db.get<Omit<Pruned, 'id'>>(
    'SELECT status, pruned_at, known_until FROM pruned WHERE hash = ?',
    hashOf(id),
  );
  return found && { id, ...found };
}

/**
 * Removes the row and the events of a task, and remembers its id. Its evidence is noted for removal.
 * @param n the number of its row; undefined if there is none
 */
export function prune(db: Connection, n: number | undefined, { id, status, pruned_at, known_until }: Pruned): void {
  db.run('INSERT OR REPLACE INTO pruned VALUES (?, ?, ?, ?)', hashOf(id), status, pruned_at, known_until);
  if (n === undefined) return;
  db.run('INSERT OR REPLACE INTO pruned_evidence SELECT id, state FROM tasks WHERE n = ?', n);
  // The number of the last event is kept, so that no later event gets it: a place in the log is told only once.
  db.run("UPDATE events SET task = 0, body = '' WHERE task = ? AND seq = (SELECT max(seq) FROM events)", n);
  db.run('DELETE FROM events WHERE task = ? OR (task = 0 AND seq < (SELECT max(seq) FROM events))', n);
  db.run('DELETE FROM tasks WHERE n = ?', n);
}

/** Pruned tasks whose evidence may still be in the store, as they were at last. */
export function prunedEvidence(db: Connection, limit: number): Task[] {
  return db
    .all<StoredRow>('SELECT 0 AS n, state FROM pruned_evidence ORDER BY id LIMIT ?', limit)
    .map((stored) => toRow(stored).task);
}

/**
 * Notes that the evidence of pruned tasks is removed, and forgets the ids that are free again.
 * @param now ms since 1970
 */
export function evidenceRemoved(db: Connection, ids: readonly string[], now: number): void {
  db.transaction(() => {
    for (const id of ids) db.run('DELETE FROM pruned_evidence WHERE id = ?', id);
    db.run('DELETE FROM pruned WHERE known_until <= ?', now);
    return { keep: true };
  });
}
