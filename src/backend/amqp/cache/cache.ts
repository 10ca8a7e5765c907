import { AgentqError } from '../../../core/errors.ts';
import { type LogRules, rules as logRules } from '../../../core/log/rules.ts';
import type { Connection } from '../../projection/connection.ts';
import { CacheFile } from './cache-file.ts';
import { entryTime, noteMark } from '../wire/entry-id.ts';
import { Projector } from './projector.ts';
import { TOLERANCE } from './tables/role-clocks.ts';
import type { LogEntry } from '../wire/message/decode.ts';
import type { LogMessage } from '../wire/message/log-message.ts';

/** How far the cache has read the log. */
export interface Position {
  /** The offset of the last message that was folded; -1 if there is none. */
  readonly last: number;
  readonly id: string;
  readonly at: number;
  /** The length of the log up to this message. */
  readonly bytes: number;
}

/** The result of folding one message: whether it took effect; undefined if it can have no effect. */
export type Folded = boolean | undefined;

export interface FoldedEntry {
  readonly entry: LogEntry;
  readonly folded: Folded;
}

/** The approximate storage that a broker needs for a message besides its content, in bytes. */
const OVERHEAD = 400;

/** The interval at which the length of the log is recorded, in bytes. */
const MILESTONE = 100_000;

/** The maximum length of the recorded reason why an entry was passed over, in characters. */
const LONGEST_REASON = 200;

/** An entry of this age can't be published again, and its record is deleted, in ms. */
const REMEMBERED = 86_400_000;

/**
 * The cache of one log, in its own file: two brokers, or two virtual hosts, never share one. It is opened on first use:
 * the submit of one task under a fresh id does not read it.
 */
export class Cache {
  readonly #file: CacheFile;
  /** The rules by which it folds the log. */
  readonly rules: LogRules;

  /**
   * @param identity distinguishes this log from others
   * @param rules tests add their own kinds
   */
  constructor(dir: string, identity: string, mode: number, rules: LogRules = logRules) {
    this.rules = rules;
    this.#file = new CacheFile(dir, identity, mode);
  }

  /** Opens the cache ahead of the first read. */
  begin(): void {
    try {
      this.position();
    } catch {
      // The next read gets the error.
    }
  }

  get db(): Connection {
    return this.#file.db;
  }

  /** Whether the file itself is the cause, if there was an error. */
  isDamaged(): boolean {
    return this.#file.isDamaged();
  }

  get path(): string {
    return this.#file.path;
  }

  /** The beginning of the names of temporary files beside it. */
  get beginning(): string {
    return this.#file.beginning;
  }

  get mode(): number {
    return this.#file.mode;
  }

  /** Starts with an empty file. The log contains everything again, so the user need not act. */
  remake(): void {
    this.#file.remake();
  }

  position(): Position {
    return this.db.get<Position & object>('SELECT last, id, at, bytes FROM log')!;
  }

  /** The result of an entry that this process or another one has folded. */
  outcome(id: string): Folded {
    return this.folded(id)?.effect;
  }

  /** Same; undefined if the entry was not folded, or is of a kind that is not recorded. */
  folded(id: string): { readonly effect: Folded } | undefined {
    const find = (known: string) => this.db.get<{ accepted: number }>('SELECT accepted FROM entry WHERE id = ?', known);
    const events = find(id);
    if (events) return { effect: events.accepted === 1 };
    return find(noteMark(id)) && { effect: undefined };
  }

  /**
   * Folds consecutive messages of the log. Messages that another process has folded meanwhile are skipped.
   * @param after the offset of the message before them
   * @returns undefined if the cache was emptied meanwhile, so that the messages do not follow its content
   */
  fold(messages: readonly LogMessage[], after: number): readonly FoldedEntry[] | undefined {
    try {
      return this.#foldTogether(messages, after);
    } catch (error) {
      if (!isUnfoldable(error)) throw error;
    }
    // One of the messages is malformed: fold each one alone, and that one as unreadable.
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
      if (before.last === -1) this.db.run('UPDATE log SET first = ?', messages[0]!.offset);
      const projector = new Projector(this.db, before.at, this.rules);
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

  /** Records the length of the log, from which the time until the log drops an entry is estimated. */
  #remember(before: number, now: number, at: number): void {
    if (Math.floor(now / MILESTONE) > Math.floor(before / MILESTONE)) {
      this.db.run('INSERT OR IGNORE INTO milestone (bytes, at) VALUES (?, ?)', now, at);
    }
  }

  /**
   * When the log was shorter than now by this number of bytes, ms since 1970; undefined if it never was that long.
   * @param now ms since 1970: an entry may have stated a later time
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
   * Deletes all content: the log is not the one that was folded here.
   * @param seen how far the cache had read the log when this was noticed: another process may have cleared it since
   */
  clear(seen: Position = this.position()): void {
    this.db.transaction(() => {
      const { last, id } = this.position();
      if (last !== seen.last || id !== seen.id) return { keep: false };
      const tables = this.db.all<{ name: string }>(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('log', 'reader')",
      );
      for (const { name } of tables) this.db.run(`DELETE FROM ${name}`);
      this.db.run(
        "UPDATE log SET first = -1, last = -1, id = '', at = 0, away_until = 0, unreadable = 0, bytes = 0, snapshot = -1, base = -1, pruned = -1",
      );
      return { keep: true };
    });
  }

  /** Whether a snapshot may take the place of this cache: it is empty, and need not be made from the log alone. */
  get isFillable(): boolean {
    return this.db.get('SELECT 1 FROM log WHERE last = -1 AND unaided = 0') !== undefined;
  }

  /** Puts a file with the content of a snapshot in the place of this one, if it is still fillable. */
  fillFrom(file: string): void {
    this.#file.replaceBy(file, () => this.isFillable);
  }

  /** Deletes all content, which is to be made again from a later snapshot than before, or from the log. */
  startLater(): void {
    const { base } = this.db.get<{ base: number }>('SELECT base FROM log')!;
    this.clear();
    this.db.run('UPDATE log SET base = ?', base);
  }

  /** Deletes all content, which is to be made again from the log alone. */
  startAlone(): void {
    this.db.run('UPDATE log SET unaided = 1');
    this.clear();
  }

  /** @param now ms since 1970 */
  prune(now: number): void {
    this.db.run('DELETE FROM entry WHERE id < ?', entryTime(now - REMEMBERED));
  }

  /** The role if only its workers have mentioned the task; undefined if the log has shown the task's submit. */
  hearsayOf(id: string): string | undefined {
    return this.db.get<{ role: string }>('SELECT role FROM hearsay WHERE id = ?', id)?.role;
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * When a message was published. A message without a time gets the time of the next message with one, but no time long
 * before the time of the log. If no later message has one, it gets the time of the log.
 * @param reached the time that the log has reached before it
 */
function timeOf({ at, next }: LogMessage, reached: number): number {
  return at ?? Math.max(next ?? reached, reached - TOLERANCE);
}

/** Primary result codes of SQLite for a value that a column rejects: TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const REFUSED = new Set([18, 19, 20, 25]);

/**
 * Whether the error comes from content that no agentq writes, and not from a local fault. A fault of the file or the
 * disk is an AgentqError.
 */
function isUnfoldable(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  if (error instanceof AgentqError) return false;
  return errcode === undefined || REFUSED.has(errcode & 0xff);
}
