import type { Evidence } from '../../../core/evidence/evidence.ts';
import type { Connection } from '../../projection/connection.ts';
import type { Snapshot } from '../wire/message/log-body.ts';

/** How many are remembered. */
const REMEMBERED = 20;

/** How many of the newest are kept: a machine may be fetching the one before the newest. */
const KEPT = 2;

/** How long the writing of a snapshot can take, in ms. A process that has not announced one until then has ended. */
const LONGEST_WRITING = 600_000;

/** The least age of a snapshot that is replaced because a task was pruned since, in ms. */
const OUTDATED = 86_400_000;

export interface KnownSnapshot {
  /** The offset of the message up to which the log is folded in it. */
  readonly last: number;
  readonly file: Evidence;
}

/** An entry by which a coordinator begins to write a snapshot, or announces it. */
export interface SnapshotEntry {
  readonly id: string;
  readonly at: number;
  readonly snapshot: Snapshot | undefined;
}

/** Records what the log says about snapshots. */
export function noteSnapshot(db: Connection, { id, at, snapshot }: SnapshotEntry, offset: number): void {
  db.run('UPDATE log SET snapshot = ?', offset);
  db.run(
    'INSERT OR REPLACE INTO snapshot (id, at, last, file) VALUES (?, ?, ?, ?)',
    snapshot?.begun ?? id,
    at,
    snapshot?.last ?? null,
    snapshot ? JSON.stringify(snapshot.file) : null,
  );
  db.run(
    `DELETE FROM snapshot WHERE id NOT IN (SELECT id FROM snapshot ORDER BY at DESC, id DESC LIMIT ${REMEMBERED})`,
  );
}

/** The announced snapshots, the newest first. */
function announced(db: Connection): readonly KnownSnapshot[] {
  return db
    .all<{ last: number; file: string }>('SELECT last, file FROM snapshot WHERE last IS NOT NULL ORDER BY last DESC')
    .map(({ last, file }) => ({ last, file: JSON.parse(file) as Evidence }));
}

/**
 * The snapshots that are to be kept: the newest two, unless a task that they contain was pruned since. The newest one is
 * always kept.
 */
export function neededSnapshots(db: Connection): readonly KnownSnapshot[] {
  const all = announced(db);
  const fresh = all.filter(({ last }) => last >= lastPruned(db));
  return fresh.length > 0 ? fresh.slice(0, KEPT) : all.slice(0, 1);
}

/** The place in the log after which a snapshot must be, so that the cache can begin with it; -1 for any. */
export function leastBase(db: Connection): number {
  return db.get<{ base: number }>('SELECT base FROM log')!.base;
}

/** The offset of the last entry that pruned a task; -1 if there is none. */
export function lastPruned(db: Connection): number {
  return db.get<{ pruned: number }>('SELECT pruned FROM log')!.pruned;
}

/**
 * Whether the newest snapshot may contain the text of a pruned task, and is so old that a new one is worth its cost.
 * @param now ms since 1970
 */
export function isOutdated(db: Connection, now: number): boolean {
  const newest = db.get<{ at: number; last: number }>(
    'SELECT at, last FROM snapshot WHERE last IS NOT NULL ORDER BY last DESC LIMIT 1',
  );
  // A time in the future is wrong.
  return newest !== undefined && newest.last < lastPruned(db) && Math.abs(now - newest.at) >= OUTDATED;
}

/**
 * Whether another process is writing a snapshot, as far as the log shows.
 * @param own the id of the entry by which this process has begun to write one
 * @param now ms since 1970
 */
export function isBeingWritten(db: Connection, own: string | undefined, now: number): boolean {
  const since = now - LONGEST_WRITING;
  const sql = 'SELECT 1 FROM snapshot WHERE last IS NULL AND at > ? AND id <> ? LIMIT 1';
  return db.get(sql, since, own ?? '') !== undefined;
}
