import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import type { Task } from '../../../core/task/task.ts';
import { syncFile, syncName } from '../../../files/durable-file.ts';
import type { Listed, Listing, StoreCopy } from '../../archive.ts';
import { Connection } from '../../projection/connection.ts';
import { parseStored, type StoredRow } from '../../projection/rows.ts';
import { storeSchema } from '../schema.ts';

/** What a backup contains besides the store. */
const LISTING = `
  CREATE TABLE backup (made_at INTEGER NOT NULL) STRICT;
  CREATE TABLE backup_evidence (
    path   TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size   INTEGER NOT NULL,
    kept   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** A store in a file that only this process uses. It has no write-ahead log, so the file alone is complete. */
export class SqliteCopy implements StoreCopy {
  readonly path: string;
  readonly db: Connection;
  readonly listing: Listing | undefined;
  readonly selfContained: boolean;

  private constructor(path: string, db: Connection, selfContained: boolean) {
    this.path = path;
    this.selfContained = selfContained;
    this.db = db;
    this.listing = readListing(db);
  }

  /**
   * Copies a store as it is now, including its write-ahead log, while other processes continue. The copy of a store of
   * an older version is migrated.
   * @param mode of the new file
   */
  static of(source: string, path: string, mode: number): SqliteCopy {
    // SQLite fills an existing empty file, so its permissions are never wider than `mode`.
    closeSync(openSync(path, 'wx', mode));
    try {
      chmodSync(path, mode); // overrides the umask
      const from = Connection.open(source, storeSchema, true);
      let selfContained: boolean;
      try {
        selfContained = from.get<{ journal_mode: string }>('PRAGMA journal_mode')?.journal_mode !== 'wal';
        from.run('VACUUM INTO ?', path);
      } finally {
        from.close();
      }
      return new SqliteCopy(path, Connection.open(path, storeSchema), selfContained);
    } catch (error) {
      removeCopy(path);
      throw error;
    }
  }

  *tasks(): Generator<Task> {
    for (const { state } of this.db.each<StoredRow>('SELECT n, state FROM tasks ORDER BY n'))
      yield parseStored(state) as Task;
  }

  list({ made_at, evidence }: Listing): void {
    this.db.transaction(() => {
      this.db.execute(`${DROP_LISTING}; ${LISTING}`);
      this.db.run('INSERT INTO backup (made_at) VALUES (?)', made_at);
      for (const { path, name, sha256, size, kept } of evidence) {
        this.db.run('INSERT INTO backup_evidence VALUES (?, ?, ?, ?, ?)', path, name, sha256, size, kept ? 1 : 0);
      }
      return { keep: true };
    });
    this.close();
  }

  /** Closes it; then it is on the disk. */
  close(): void {
    this.db.close();
    syncFile(this.path);
    syncName(this.path);
  }

  /** Deletes the file, unless it has been renamed. */
  [Symbol.dispose](): void {
    this.db.close();
    removeCopy(this.path);
  }
}

export const DROP_LISTING = 'DROP TABLE IF EXISTS backup; DROP TABLE IF EXISTS backup_evidence';

function readListing(db: Connection): Listing | undefined {
  if (!db.get("SELECT 1 FROM sqlite_schema WHERE name = 'backup'")) return undefined;
  const made = db.get<{ made_at: number }>('SELECT made_at FROM backup');
  const evidence = db.all<Omit<Listed, 'kept'> & { kept: number }>('SELECT * FROM backup_evidence');
  return made && { ...made, evidence: evidence.map((one) => ({ ...one, kept: one.kept === 1 })) };
}

function removeCopy(path: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
}
