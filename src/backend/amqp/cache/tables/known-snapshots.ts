import type { Evidence } from '../../../../core/evidence/evidence.ts';
import type { Connection } from '../../../projection/connection.ts';
import type { Snapshot } from '../../wire/message/log-body.ts';
import { TOLERANCE } from './role-clocks.ts';
import { cacheSchema } from './schema.ts';

/** How many entries about snapshots are remembered. */
const REMEMBERED = 20;

/** How many of the newest of each format are kept: a machine may be fetching the one before the newest. */
const KEPT = 2;

/** How long the writing of a snapshot can take, in ms. A process that has not announced one until then has ended. */
const LONGEST_WRITING = 600_000;

/** The least age of a snapshot that is replaced because a task was pruned since, in ms. */
const OUTDATED = 86_400_000;

export interface KnownSnapshot {
  /** The offset of the message up to which the log is folded in it. */
  readonly last: number;
  /** The version of the cache that it contains. */
  readonly format: number;
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
    'INSERT OR REPLACE INTO snapshot (id, offset, at, last, format, file) VALUES (?, ?, ?, ?, ?, ?)',
    snapshot?.begun ?? id,
    offset,
    at,
    snapshot?.last ?? null,
    snapshot?.format ?? null,
    snapshot ? JSON.stringify(snapshot.file) : null,
  );
  db.run(`DELETE FROM snapshot WHERE id NOT IN (SELECT id FROM snapshot ORDER BY offset DESC LIMIT ${REMEMBERED})`);
}

/** The announced snapshots, the newest first. */
function announced(db: Connection): readonly KnownSnapshot[] {
  return db
    .all<{ last: number; format: number; file: string }>(
      'SELECT last, format, file FROM snapshot WHERE last IS NOT NULL ORDER BY last DESC',
    )
    .map(({ last, format, file }) => ({ last, format, file: JSON.parse(file) as Evidence }));
}

/**
 * The snapshots that are to be kept, the newest first: the newest two of each format, because programs of other versions
 * may read the log, unless a task that they contain was pruned since. The newest one of this program's format is always
 * kept.
 */
export function neededSnapshots(db: Connection): readonly KnownSnapshot[] {
  const pruned = lastPruned(db);
  const kept = new Map<number, number>();
  return announced(db).filter(({ last, format }) => {
    const newer = kept.get(format) ?? 0;
    kept.set(format, newer + 1);
    return (last >= pruned && newer < KEPT) || (format === cacheSchema.version && newer === 0);
  });
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
    'SELECT at, last FROM snapshot WHERE format = ? ORDER BY last DESC LIMIT 1',
    cacheSchema.version,
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
  const sql = 'SELECT 1 FROM snapshot WHERE last IS NULL AND at > ? AND at <= ? AND id <> ? LIMIT 1';
  // A time in the future is wrong: the entry would count for longer than the writing can take.
  return db.get(sql, now - LONGEST_WRITING, now + TOLERANCE, own ?? '') !== undefined;
}
