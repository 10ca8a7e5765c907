import type { Connection } from '../projection/connection.ts';

/** How often the store was restored from a backup. */
export function epochOf(db: Connection): number {
  return db.get<{ n: number | null }>('SELECT max(n) AS n FROM epoch')!.n ?? 0;
}

/** Within the caller's transaction. @param at ms since 1970 */
export function writeEpoch(db: Connection, n: number, at: number): void {
  db.run('INSERT INTO epoch (n, began_at) VALUES (?, ?)', n, at);
}
