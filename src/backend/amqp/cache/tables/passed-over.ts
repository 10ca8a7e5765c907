import type { Connection } from '../../../projection/connection.ts';
import type { LogEntry } from '../../wire/message/decode.ts';

/** How many of the unreadable entries are kept. */
const KEPT = 100;

/** Records an entry that readers pass over. @returns that it had no effect */
export function recordPassedOver(db: Connection, offset: number, { key, user }: LogEntry, reason: string): false {
  db.run('UPDATE log SET unreadable = unreadable + 1');
  db.run(
    'INSERT OR REPLACE INTO passed_over (offset, key, user, reason) VALUES (?, ?, ?, ?)',
    offset,
    key,
    user ?? null,
    reason,
  );
  db.run(
    `DELETE FROM passed_over
     WHERE offset <= (SELECT offset FROM passed_over ORDER BY offset DESC LIMIT 1 OFFSET ${KEPT})`,
  );
  return false;
}
