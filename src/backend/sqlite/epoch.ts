import type { Connection } from '../projection/connection.ts';

/** How often the store was restored from a backup. */
export function epochOf(db: Connection): number {
  // A store that was never restored has no such table: neither an older agentq nor this one creates it in a new store.
  if (!db.get("SELECT 1 FROM sqlite_schema WHERE name = 'epoch'")) return 0;
  return db.get<{ n: number | null }>('SELECT max(n) AS n FROM epoch')!.n ?? 0;
}

/** Within the caller's transaction. @param at ms since 1970 */
export function writeEpoch(db: Connection, n: number, at: number): void {
  db.execute('CREATE TABLE IF NOT EXISTS epoch (n INTEGER PRIMARY KEY, began_at INTEGER NOT NULL) STRICT');
  db.run('INSERT INTO epoch (n, began_at) VALUES (?, ?)', n, at);
}
