import type { Evidence } from '../../../core/evidence/evidence.ts';
import type { Task } from '../../../core/task/task.ts';
import { withoutText } from '../../../core/task/without-text.ts';
import { Connection } from '../../projection/connection.ts';
import { ABSENT, AbsentStates, parseStored } from '../../projection/rows.ts';
import type { Position } from '../cache/cache.ts';
import { cacheSchema } from '../cache/tables/schema.ts';
import { noteMark } from '../wire/entry-id.ts';
import { chunkOf, ROWS } from './chunk.ts';
import { MOVABLE } from './ended-tasks.ts';

/** The tables of a cache that are not copied whole; `reader` belongs to one machine. */
const APART = new Set(['tasks', 'events', 'ending', 'chunk', 'reader', 'pruned_evidence']);

/**
 * A copy of a cache in a separate file, without the content of ended tasks, which goes into chunks. Both are made from
 * one state of the cache, in one read transaction. Other processes can write to the cache during it. Other work of this
 * process continues between the ranges of rows.
 */
export class CopyOfCache {
  readonly #db: Connection;

  private constructor(db: Connection) {
    this.#db = db;
  }

  static begin(cache: string, copy: string, mode: number): CopyOfCache {
    const db = Connection.create(copy, mode, cacheSchema);
    // A copy that was not completed is deleted.
    db.execute(
      'PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; CREATE TEMP TABLE moved (n INTEGER PRIMARY KEY)',
    );
    db.execute(`ATTACH '${cache.replaceAll("'", "''")}' AS cache; BEGIN`);
    return new CopyOfCache(db);
  }

  get position(): Pick<Position, 'last' | 'id'> {
    return this.#db.get<Position & object>('SELECT last, id FROM cache.log')!;
  }

  /** Copies everything except tasks and what belongs to them. */
  copyTables(): void {
    const db = this.#db;
    const tables = db.all<{ name: string; sql: string }>(
      "SELECT name, sql FROM cache.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    for (const { name, sql } of tables) {
      if (APART.has(name)) continue;
      if (!db.get('SELECT 1 FROM main.sqlite_schema WHERE name = ?', name)) db.execute(sql);
      // The record of a note is only for the machine that wrote it.
      const which = name === 'entry' ? `WHERE id NOT LIKE '%${noteMark('')}'` : '';
      db.execute(`INSERT OR REPLACE INTO main."${name}" SELECT * FROM cache."${name}" ${which}`);
    }
    db.run('UPDATE main.log SET unaided = 0, base = last');
    this.#copyPrunedEvidence();
  }

  /** A snapshot contains no text of pruned tasks. */
  #copyPrunedEvidence(): void {
    const db = this.#db;
    for (const { id, state } of db.all<{ id: string; state: string }>('SELECT id, state FROM cache.pruned_evidence')) {
      const task = withoutText(parseStored(state) as Task);
      db.run('INSERT INTO main.pruned_evidence VALUES (?, ?)', id, JSON.stringify(task));
    }
  }

  /**
   * Copies the tasks, range by range.
   * @param put stores the chunk that begins with this row
   * @param isStored whether the store has a chunk
   * @throws AbsentStates if a chunk from which the cache lacks the content is missing
   */
  async copyTasks(
    put: (first: number, content: Buffer) => Promise<Evidence>,
    isStored: (file: Evidence) => boolean,
  ): Promise<void> {
    const db = this.#db;
    const { end } = db.get<{ end: number }>('SELECT coalesce(max(n), 0) AS end FROM cache.tasks')!;
    for (let first = 1; first <= end; first += ROWS) {
      const last = first + ROWS - 1;
      // The last range would have another content in the next snapshot.
      const known = this.#known(first);
      if (known !== undefined && !isStored(JSON.parse(known) as Evidence))
        throw new AbsentStates(this.#absent(first, last));
      const file = known ?? (last <= end ? await this.#move(first, last, put) : undefined);
      if (file !== undefined) db.run('INSERT INTO main.chunk VALUES (?, ?, ?, 0)', first, last, file);
      this.#copyRange(first, last);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The record of an earlier chunk. What it does not contain stays outside of chunks. */
  #known(first: number): string | undefined {
    return this.#db.get<{ file: string }>('SELECT file FROM cache.chunk WHERE first = ? AND loaded = 0', first)?.file;
  }

  #absent(first: number, last: number): number[] {
    return this.#db
      .all<{ n: number }>('SELECT n FROM cache.tasks WHERE n BETWEEN ? AND ? AND state = ?', first, last, ABSENT)
      .map(({ n }) => n);
  }

  async #move(
    first: number,
    last: number,
    put: (first: number, content: Buffer) => Promise<Evidence>,
  ): Promise<string | undefined> {
    const db = this.#db;
    db.run(`INSERT INTO temp.moved SELECT n FROM cache.tasks WHERE n BETWEEN ? AND ? AND ${MOVABLE}`, first, last);
    if (!db.get('SELECT 1 FROM temp.moved LIMIT 1')) return undefined;
    return JSON.stringify(await put(first, await chunkOf(db, first, last)));
  }

  #copyRange(first: number, last: number): void {
    const db = this.#db;
    const range = 'task BETWEEN ? AND ? AND task NOT IN (SELECT n FROM temp.moved)';
    db.run(
      `INSERT INTO main.tasks SELECT n, id, role, sender, rank, status, dead, ready_at, due_at,
         updated_at, type, group_name, workers, CASE WHEN n IN (SELECT n FROM temp.moved) THEN '${ABSENT}' ELSE state END
       FROM cache.tasks WHERE n BETWEEN ? AND ? ORDER BY n`,
      first,
      last,
    );
    db.run(`INSERT INTO main.events SELECT * FROM cache.events WHERE ${range} ORDER BY seq`, first, last);
    db.run(`INSERT INTO main.ending SELECT * FROM cache.ending WHERE ${range}`, first, last);
    db.run('DELETE FROM temp.moved');
  }

  /** Completes the file. */
  end(): void {
    this.#db.execute('COMMIT; DETACH cache; PRAGMA journal_mode = WAL');
    this.close();
  }

  close(): void {
    this.#db.close();
  }
}
