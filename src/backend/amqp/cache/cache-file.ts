import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../../core/errors.ts';
import { place } from '../../../files/durable-file.ts';
import { Connection } from '../../projection/connection.ts';
import { cacheFileName, numberOfCacheFile } from './file-name.ts';
import { cacheSchema } from './tables/schema.ts';

/** The files that SQLite keeps beside a database. */
const BESIDE = ['-wal', '-shm'];

/** How many files in a row may be damaged: more have another cause. */
const MOST_DAMAGED = 2;

/**
 * The file of a cache. It is opened on first use. Every process can replace it: the log has everything.
 *
 * No file takes the name of another one. SQLite finds a write-ahead log by the name of its database: a process that
 * opens the database while another one replaces it would combine the old file with the log of the new one. So a new
 * file gets the next number, and the file with the highest number is the cache. A process that has an older one open
 * continues with it until it opens the cache again.
 */
export class CacheFile {
  readonly mode: number;
  readonly #dir: string;
  readonly #identity: string;
  #db: Connection | undefined;
  /** The number of the file that is open, or was open. */
  #number = 0;
  /** The least number of the next file to be opened. */
  #least = 1;

  constructor(dir: string, identity: string, mode: number) {
    this.#dir = dir;
    this.#identity = identity;
    this.mode = mode;
  }

  /** Opens the newest file. A damaged one, or one of another version, is left for a new one. */
  get db(): Connection {
    return (this.#db ??= this.#open());
  }

  /** The path of the file that is open. */
  get path(): string {
    void this.db;
    return this.#path(this.#number);
  }

  /** The beginning of the names of temporary files beside it. */
  get beginning(): string {
    return this.#path(1);
  }

  #path(number: number): string {
    return join(this.#dir, cacheFileName(this.#identity, number));
  }

  #open(): Connection {
    for (let damaged = 0; ;) {
      this.#number = Math.max(this.#least, ...this.#numbers());
      const db = this.#connect(damaged < MOST_DAMAGED);
      // Another process may have made a newer one meanwhile, and removed this one.
      const isNewest = this.#isNewest;
      if (db && isNewest) {
        for (const one of this.#numbers()) if (one < this.#number) this.#remove(one);
        return db;
      }
      db?.close();
      if (!isNewest) continue;
      this.#least = this.#number + 1;
      damaged++;
    }
  }

  /**
   * @returns undefined if there is a newer file: this one may have been removed while it was opened; or if this one is
   * damaged, or of another version, and `mayBeDamaged`
   */
  #connect(mayBeDamaged: boolean): Connection | undefined {
    try {
      return Connection.create(this.#path(this.#number), this.mode, cacheSchema);
    } catch (error) {
      if ((isCorrupt(error) && mayBeDamaged) || !this.#isNewest) return undefined;
      throw error;
    }
  }

  get #isNewest(): boolean {
    return this.#numbers().every((one) => one <= this.#number);
  }

  /** The numbers of the files that exist. */
  #numbers(): number[] {
    return readdirSync(this.#dir).flatMap((name) => numberOfCacheFile(this.#identity, name) ?? []);
  }

  #remove(number: number): void {
    for (const end of ['', ...BESIDE]) rmSync(`${this.#path(number)}${end}`, { force: true });
  }

  /** Whether the file itself is the cause, if there was an error. */
  isDamaged(): boolean {
    try {
      const { quick_check: verdict } = this.db.get<{ quick_check: string }>('PRAGMA quick_check(1)')!;
      return verdict !== 'ok' || this.db.get('SELECT 1 FROM tasks WHERE NOT json_valid(state) LIMIT 1') !== undefined;
    } catch {
      return true;
    }
  }

  /** Starts with an empty file, or with the one that another process has made meanwhile. */
  remake(): void {
    this.close();
    this.#least = this.#number + 1;
  }

  /**
   * Makes another file the cache, unless another process has done so.
   * @param isReplaceable checked while no other process writes the file
   */
  replaceBy(file: string, isReplaceable: () => boolean): void {
    this.db.transaction(() => {
      if (this.#isNewest && isReplaceable()) place(file, this.#path(this.#number + 1));
      return { keep: false };
    });
    this.close();
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }
}

export function isCorrupt(error: unknown): boolean {
  return error instanceof AgentqError && error.code === 'corrupt';
}
