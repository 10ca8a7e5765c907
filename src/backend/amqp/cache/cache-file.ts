import { renameSync, rmSync, statSync } from 'node:fs';
import { AgentqError } from '../../../core/errors.ts';
import { Connection } from '../../projection/connection.ts';
import { cacheSchema } from './schema.ts';

/** The file of a cache. It is opened on first use. Every process can delete and replace it: the log has everything. */
export class CacheFile {
  readonly path: string;
  readonly mode: number;
  #db: Connection | undefined;
  /** The inode of the file that is open, or was found damaged. */
  #inode: number | undefined;

  constructor(path: string, mode: number) {
    this.path = path;
    this.mode = mode;
  }

  /** Opens the file; a damaged one, or one of another version, is made anew. */
  get db(): Connection {
    return (this.#db ??= this.#open());
  }

  #open(): Connection {
    try {
      return this.#connect();
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#remove();
      return this.#connect();
    }
  }

  #connect(): Connection {
    this.#inode = this.#present();
    const db = Connection.create(this.path, this.mode, cacheSchema);
    this.#inode = this.#present();
    return db;
  }

  #present(): number | undefined {
    return statSync(this.path, { throwIfNoEntry: false })?.ino;
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

  /** Starts with an empty file. */
  remake(): void {
    this.close();
    this.#remove();
  }

  /** Removes the file, unless another process has already replaced it: the new file belongs to that process. */
  #remove(): void {
    if (this.#present() !== this.#inode) return;
    this.#removeLog();
    rmSync(this.path, { force: true });
  }

  #removeLog(): void {
    for (const end of ['-wal', '-shm']) rmSync(`${this.path}${end}`, { force: true });
  }

  /**
   * Puts another file in the place of this one, unless another process has done so. A process that has the old file open
   * continues with the old one.
   * @param isReplaceable checked while no other process writes the file
   */
  replaceBy(file: string, isReplaceable: () => boolean): void {
    this.db.transaction(() => {
      if (this.#present() === this.#inode && isReplaceable()) {
        this.#removeLog();
        renameSync(file, this.path);
      }
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
