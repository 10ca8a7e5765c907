import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import { Connection } from '../projection/connection.ts';
import { cacheForm } from './cache-form.ts';
import { entryTime } from './entry-id.ts';
import { Fold } from './fold.ts';
import type { LogEntry } from './log-entry.ts';

/** How far the cache has come in the log. */
export interface Position {
  /** The offset of the last message that was folded; -1 where there was none. */
  readonly last: number;
  readonly id: string;
  readonly at: number;
}

/** What came of one message: whether it took effect, and undefined where it had none to take. */
export type Folded = boolean | undefined;

/** From how old on an entry can't be published again, in ms: what is known of it is forgotten. */
const REMEMBERED = 86_400_000;

/** The cache of one log, in a file of its own: two brokers, or two virtual hosts, never share one. */
export class Cache {
  readonly db: Connection;

  private constructor(db: Connection) {
    this.db = db;
  }

  /**
   * @param identity what tells this log from others
   * @throws AgentqError `newer-schema`
   */
  static open(dir: string, identity: string, mode: number): Cache {
    const path = join(dir, `cache-${createHash('sha256').update(identity).digest('hex').slice(0, 12)}.db`);
    try {
      return new Cache(Connection.create(path, mode, cacheForm));
    } catch (error) {
      // It can be made again from the log: nothing in it is worth a person's time.
      if (!(error instanceof AgentqError) || error.code !== 'corrupt') throw error;
      for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
      return new Cache(Connection.create(path, mode, cacheForm));
    }
  }

  position(): Position {
    return this.db.get<Position & object>('SELECT last, id, at FROM log')!;
  }

  /** What came of an entry that was folded, here or by another process. */
  outcome(id: string): Folded {
    const known = this.db.get<{ accepted: number }>('SELECT accepted FROM entry WHERE id = ?', id);
    return known && known.accepted === 1;
  }

  /**
   * Folds messages that follow one another in the log; those that another process has folded meanwhile are passed by.
   * @param after the offset of the message before them
   * @returns undefined where the cache was emptied meanwhile, and they do not follow what is in it
   */
  fold(
    messages: readonly { readonly offset: number; readonly entry: LogEntry }[],
    after: number,
  ): readonly Folded[] | undefined {
    return this.db.transaction(() => {
      const before = this.position();
      if (before.last < after) return { keep: false, outcome: undefined };
      const fold = new Fold(this.db, before.at);
      const outcome = messages.map(({ offset, entry }) =>
        offset <= before.last ? this.outcome(entry.id) : fold.add(entry),
      );
      fold.write();
      const { offset, entry } = messages.at(-1)!;
      const keep = offset > before.last;
      if (keep) this.db.run('UPDATE log SET last = ?, id = ?, at = ?', offset, entry.id, Math.max(before.at, entry.at));
      return { keep, outcome };
    }).outcome;
  }

  /** Forgets everything: the log is not the one that was folded here. */
  clear(): void {
    this.db.transaction(() => {
      for (const table of ['event', 'task', 'worker', 'entry', 'ending']) this.db.run(`DELETE FROM ${table}`);
      this.db.run("UPDATE log SET last = -1, id = '', at = 0, away_until = 0, unreadable = 0");
      return { keep: true };
    });
  }

  /** @param now ms since 1970 */
  prune(now: number): void {
    this.db.run('DELETE FROM entry WHERE id < ?', entryTime(now - REMEMBERED));
  }

  close(): void {
    this.db.close();
  }
}
