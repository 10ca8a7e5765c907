import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../../core/errors.ts';
import { Connection } from '../../projection/connection.ts';
import { ADDED_TABLES, cacheSchema } from './schema.ts';
import { entryTime } from '../wire/entry-id.ts';
import { Projector } from './projector.ts';
import { TOLERANCE } from './role-clocks.ts';
import type { LogEntry } from '../wire/decode.ts';
import type { LogMessage } from '../wire/log-message.ts';

/** How far the cache has come in the log. */
export interface Position {
  /** The offset of the last message that was folded; -1 where there was none. */
  readonly last: number;
  readonly id: string;
  readonly at: number;
  /** How long the log is up to it. */
  readonly bytes: number;
}

/** What came of one message: whether it took effect, and undefined where it had none to take. */
export type Folded = boolean | undefined;

export interface FoldedEntry {
  readonly entry: LogEntry;
  readonly folded: Folded;
}

/** The longest that a file name may be, less its ends, in bytes. */
const LONGEST_NAME = 200;

/** What a broker stores beside the content of a message, about, in bytes. */
const OVERHEAD = 400;

/** The steps in which it is remembered how long the log was, in bytes. */
const MILESTONE = 100_000;

/** How much of an error is remembered as the reason why an entry was passed over, in characters. */
const LONGEST_REASON = 200;

/** From how old on an entry can't be published again, in ms: what is known of it is forgotten. */
const REMEMBERED = 86_400_000;

/**
 * The cache of one log, in a file of its own: two brokers, or two virtual hosts, never share one. It is opened when it
 * is first asked: who submits one task under a fresh id asks nothing.
 */
export class Cache {
  readonly #path: string;
  readonly #mode: number;
  #db: Connection | undefined;
  /** Of the file that is open, or was found damaged. */
  #inode: number | undefined;

  /** @param identity what tells this log from others */
  constructor(dir: string, identity: string, mode: number) {
    this.#path = join(dir, `cache-${encodeURIComponent(identity).slice(0, LONGEST_NAME)}.db`);
    this.#mode = mode;
  }

  /** Opens it, so that it is open when somebody asks. */
  begin(): void {
    try {
      this.position();
    } catch {
      // Whoever asks is told what is wrong.
    }
  }

  /** @throws AgentqError `newer-schema` */
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
    this.#inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    const db = Connection.create(this.#path, this.#mode, cacheSchema);
    this.#inode = statSync(this.#path).ino;
    return db;
  }

  /** Whether the file itself is at fault, where something was. */
  isDamaged(): boolean {
    try {
      const { quick_check: verdict } = this.db.get<{ quick_check: string }>('PRAGMA quick_check(1)')!;
      return verdict !== 'ok' || this.db.get('SELECT 1 FROM task WHERE NOT json_valid(state) LIMIT 1') !== undefined;
    } catch {
      return true;
    }
  }

  /** Begins with an empty file: the log tells everything again, and nothing here is worth a person's time. */
  remake(): void {
    this.close();
    this.#remove();
  }

  /** Unless another process has done so, and made a new one: what is its own must not be taken from it. */
  #remove(): void {
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode) return;
    for (const end of ['-wal', '-shm', '']) rmSync(`${this.#path}${end}`, { force: true });
  }

  position(): Position {
    return this.db.get<Position & object>('SELECT last, id, at, bytes FROM log')!;
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
  fold(messages: readonly LogMessage[], after: number): readonly FoldedEntry[] | undefined {
    try {
      return this.#foldTogether(messages, after);
    } catch (error) {
      if (!isUnfoldable(error)) throw error;
    }
    // One of them is not what it seems: each by itself, and that one as what it is, unreadable.
    const all: FoldedEntry[] = [];
    for (const message of messages) {
      const folded = this.#foldAlone(message, all.length === 0 ? after : messages[all.length - 1]!.offset);
      if (!folded) return undefined;
      all.push(...folded);
    }
    return all;
  }

  #foldAlone(message: LogMessage, after: number): readonly FoldedEntry[] | undefined {
    try {
      return this.#foldTogether([message], after);
    } catch (error) {
      if (!isUnfoldable(error)) throw error;
      const reason = `it cannot be folded: ${(error as Error).message}`.slice(0, LONGEST_REASON);
      const read = (at: number): LogEntry => {
        const { id, author, key, user } = message.read(at);
        return { id, at, author, key, user, kind: 'unreadable', reason };
      };
      return this.#foldTogether([{ ...message, read }], after);
    }
  }

  #foldTogether(messages: readonly LogMessage[], after: number): readonly FoldedEntry[] | undefined {
    return this.db.transaction(() => {
      const before = this.position();
      if (before.last < after) return { keep: false, outcome: undefined };
      // An older agentq that emptied the cache has left these.
      if (before.last < 0) this.#empty(ADDED_TABLES);
      const projector = new Projector(this.db, before.at);
      let { bytes } = before;
      const outcome = messages.map((message): FoldedEntry => {
        const { offset } = message;
        const entry = message.read(timeOf(message, projector.at));
        if (offset <= before.last) return { entry, folded: this.outcome(entry.id) };
        const folded = projector.add(entry, offset);
        const longer = bytes + message.size + OVERHEAD;
        this.#remember(bytes, longer, projector.at);
        bytes = longer;
        return { entry, folded };
      });
      projector.write();
      const { offset } = messages.at(-1)!;
      const keep = offset > before.last;
      if (keep) {
        const { id } = outcome.at(-1)!.entry;
        this.db.run('UPDATE log SET last = ?, id = ?, at = ?, bytes = ?', offset, id, projector.at, bytes);
      }
      return { keep, outcome };
    }).outcome;
  }

  /** Remembers how long the log has become, for whoever must know how soon it forgets. */
  #remember(before: number, now: number, at: number): void {
    if (Math.floor(now / MILESTONE) > Math.floor(before / MILESTONE)) {
      this.db.run('INSERT OR IGNORE INTO milestone (bytes, at) VALUES (?, ?)', now, at);
    }
  }

  /**
   * When the log was shorter by so many bytes than now, ms since 1970; undefined where it never was so long.
   * @param now ms since 1970: somebody may have said a later time
   */
  whenShorterBy(bytes: number, now: number): number | undefined {
    return this.db.get<{ at: number }>(
      `SELECT at FROM milestone WHERE bytes <= (SELECT bytes FROM log) - ? AND at <= ?
       ORDER BY bytes DESC LIMIT 1`,
      bytes,
      now,
    )?.at;
  }

  /**
   * Forgets everything: the log is not the one that was folded here.
   * @param seen how far the cache had come when that was noticed: another process may have done it since
   */
  clear(seen: Position = this.position()): void {
    this.db.transaction(() => {
      const { last, id } = this.position();
      if (last !== seen.last || id !== seen.id) return { keep: false };
      this.#empty(['event', 'task', 'worker', 'entry', 'ending', 'carried', 'orphan', 'silence', 'milestone']);
      this.#empty(ADDED_TABLES);
      this.db.run("UPDATE log SET last = -1, id = '', at = 0, away_until = 0, unreadable = 0, bytes = 0");
      return { keep: true };
    });
  }

  #empty(tables: readonly string[]): void {
    for (const table of tables) this.db.run(`DELETE FROM ${table}`);
  }

  /** @param now ms since 1970 */
  prune(now: number): void {
    this.db.run('DELETE FROM entry WHERE id < ?', entryTime(now - REMEMBERED));
  }

  /** The role whose workers alone have told of the task; undefined where the log has shown its submit. */
  hearsayOf(id: string): string | undefined {
    return this.db.get<{ role: string }>('SELECT role FROM hearsay WHERE id = ?', id)?.role;
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }
}

/**
 * When a message was published. One that does not say it is of the time of the next that does, but not of a time long
 * before the log's own; where none does, it is of the log's own.
 * @param reached the time that the log has reached before it
 */
function timeOf({ at, next }: LogMessage, reached: number): number {
  return at ?? Math.max(next ?? reached, reached - TOLERANCE);
}

/** Primary result codes of SQLite for a value that a column does not take: TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const REFUSED = new Set([18, 19, 20, 25]);

/**
 * Whether somebody has written what no agentq writes, rather than that anything is wrong here: what is wrong with the
 * file or the disk is an AgentqError.
 */
function isUnfoldable(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  if (error instanceof AgentqError) return false;
  return errcode === undefined || REFUSED.has(errcode & 0xff);
}

export function isCorrupt(error: unknown): boolean {
  return error instanceof AgentqError && error.code === 'corrupt';
}
