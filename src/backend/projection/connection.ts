import { accessSync, chmodSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { AgentqError } from '../../core/errors.ts';
import type { Form } from './form.ts';
import { migrate, newerSchema, pragma } from './schema-version.ts';
import { codeOf, isUnwritable, translate } from './sqlite-error.ts';

/** How long a command waits for the write transaction of another process, in ms. */
const BUSY_TIMEOUT = 10_000;

/** Primary result codes of SQLite. */
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;

/** The size of the write-ahead log from which a commit writes it back to the file, in bytes. */
const CHECKPOINT_AFTER = 16 * 1024 * 1024;

/** The size of the write-ahead log from which a command empties it, in bytes. */
const LONG_LOG = 256 * 1024;

/** One open SQLite file. Every statement is prepared once; every error of the driver is thrown as an AgentqError. */
export class Connection {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #form: Form;
  readonly #statements = new Map<string, StatementSync>();
  #isOverlaid = false;

  private constructor(db: DatabaseSync, path: string, form: Form) {
    this.#db = db;
    this.#path = path;
    this.#form = form;
  }

  /**
   * Creates the file if it is missing, with the permissions `mode`, and creates the schema. An existing file is left as
   * it is.
   */
  static create(path: string, mode: number, form: Form): Connection {
    if (!existsSync(path)) {
      closeSync(openSync(path, 'a', mode));
      chmodSync(path, mode);
    }
    const connection = Connection.#connect(path, form);
    connection.#guard(() => {
      const db = connection.#db;
      if (!connection.#isEmpty()) return;
      patiently(() => db.exec(`PRAGMA page_size = ${form.pageSize}; PRAGMA journal_mode = WAL`));
      db.exec('BEGIN IMMEDIATE');
      if (connection.#isEmpty()) {
        const { schema, application, version } = form;
        db.exec(`${schema}; PRAGMA application_id = ${application}; PRAGMA user_version = ${version}`);
      }
      db.exec('COMMIT');
    });
    connection.#check();
    return connection;
  }

  #isEmpty(): boolean {
    const { n } = this.#db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
    return n === 0 && pragma(this.#db, 'user_version') === 0 && pragma(this.#db, 'application_id') === 0;
  }

  /**
   * Opens a file, and migrates one of an older version.
   * @param asIs whether to leave an older version as it is, to copy the file
   * @throws AgentqError `corrupt`, `newer-schema`, `storage`
   */
  static open(path: string, form: Form, asIs = false): Connection {
    try {
      return Connection.#open(path, form, asIs, false);
    } catch (error) {
      if (!isUnwritable(error) || !isSealed(path)) throw error;
      return Connection.#open(path, form, asIs, true);
    }
  }

  static #open(path: string, form: Form, asIs: boolean, immutable: boolean): Connection {
    const connection = Connection.#connect(path, form, immutable);
    connection.#check(asIs);
    return connection;
  }

  /** @param immutable whether the file cannot change while it is open: then it is read without any file beside it */
  static #connect(path: string, form: Form, immutable = false): Connection {
    // SQLite would create an empty file if there is none.
    if (!existsSync(path))
      throw new AgentqError(
        'corrupt',
        `${path} is missing`,
        'is the queue on a broker? Name it by AGENTQ_URL or --url; else restore a backup, or start again: agentq init',
      );
    let db: DatabaseSync;
    try {
      const place = immutable ? new URL('?immutable=1', pathToFileURL(path)) : path;
      db = new DatabaseSync(place, { timeout: BUSY_TIMEOUT });
    } catch (error) {
      throw translate(error, path);
    }
    const connection = new Connection(db, path, form);
    connection.#guard(() =>
      db.exec(
        `PRAGMA synchronous = ${form.synchronous}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_AFTER / form.pageSize}`,
      ),
    );
    return connection;
  }

  /**
   * Commands end without closing the file, because a close costs more than a commit. So the write-ahead log is never
   * restarted, and a process that opens the file alone has to read all of it. A command must therefore empty it from
   * time to time. If other processes use the file, this command does not wait for them and does not empty the log.
   */
  #shortenLog(): void {
    const size = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= LONG_LOG) return;
    this.#db.exec('PRAGMA busy_timeout = 0');
    try {
      this.#guard(() => this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
    } catch (error) {
      // The disk is full or read-only. The content of the write-ahead log can be read there.
      if (!isUnwritable(error)) throw error;
    }
    this.#db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
  }

  /** Only a store that belongs to agentq is changed. */
  #check(asIs = false): void {
    const { application, version } = this.#form;
    try {
      const found = this.#guard(() => pragma(this.#db, 'user_version'));
      if (this.#guard(() => pragma(this.#db, 'application_id')) !== application) {
        throw new AgentqError('corrupt', `${this.#path} is not an agentq store`, 'name another folder');
      }
      if (found !== version) this.#adapt(found, asIs);
      this.#guard(() => this.#shortenLog());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param found the version of the file, which is not that of the form */
  #adapt(found: number, asIs: boolean): void {
    const { version, migrations } = this.#form;
    if (found > version && migrations) throw newerSchema(this.#path, found, version);
    if (!asIs) migrate(this.#db, this.#path, this.#form);
  }

  #prepare(query: string): StatementSync {
    // A view has no index to name.
    const sql = this.#isOverlaid ? query.replaceAll(/ INDEXED BY \w+/g, '') : query;
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }

  #guard<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** A newer agentq may have migrated the file while it is open: then a table may be missing. */
  #explain(error: unknown): unknown {
    const { version } = this.#form;
    const found = codeOf(error) === SQLITE_ERROR ? pragma(this.#db, 'user_version') : version;
    return found > version ? newerSchema(this.#path, found, version) : translate(error, this.#path);
  }

  run(sql: string, ...values: (string | number | null)[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...values).lastInsertRowid));
  }

  get<Row>(sql: string, ...values: (string | number | null)[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values) as Row | undefined);
  }

  all<Row>(sql: string, ...values: (string | number | null)[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values) as Row[]);
  }

  /** Rows as they are read; do not write during the iteration. */
  *each<Row>(sql: string, ...values: (string | number | null)[]): Generator<Row> {
    try {
      for (const row of this.#db.prepare(sql).iterate(...values)) yield row as Row;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Runs `body` in one IMMEDIATE transaction, so that what it reads is still true when it writes. It is committed if
   * the body returns true in `keep`, and rolled back if it does not, or throws.
   */
  transaction<T extends { keep: boolean }>(body: () => T): T {
    this.#guard(() => this.#prepare('BEGIN IMMEDIATE').run());
    let result: T;
    try {
      this.#guard(() => this.#checkVersion());
      result = body();
      if (result.keep) this.#guard(() => this.#prepare('COMMIT').run());
    } catch (error) {
      this.#rollback();
      throw error;
    }
    if (!result.keep) this.#rollback();
    return result;
  }

  /** @throws AgentqError `newer-schema` if a newer agentq has migrated the file since it was opened */
  #checkVersion(): void {
    const { user_version: found } = this.#prepare('PRAGMA user_version').get() as { user_version: number };
    const { version } = this.#form;
    if (found > version) throw newerSchema(this.#path, found, version);
  }

  /**
   * Runs `body` in a transaction that reads one state of the file and writes nothing to it. Temporary tables and views
   * that `body` creates are kept in memory, shadow those of the file that have the same name, and are dropped at the
   * end.
   */
  overlaid<T>(body: () => T): T {
    this.execute('PRAGMA temp_store = MEMORY; BEGIN');
    this.#isOverlaid = true;
    try {
      return body();
    } finally {
      this.#isOverlaid = false;
      this.#rollback();
    }
  }

  /** Runs statements without values and without result rows. */
  execute(sql: string): void {
    this.#guard(() => this.#db.exec(sql));
  }

  #rollback(): void {
    if (this.#db.isTransaction) this.#prepare('ROLLBACK').run();
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }
}

/**
 * Runs a statement again while the file is locked. SQLite does not wait where two processes switch one new file to WAL
 * at the same time, because each holds a lock that the other one needs: https://www.sqlite.org/c3ref/busy_handler.html
 */
function patiently(run: () => void): void {
  const end = performance.now() + BUSY_TIMEOUT;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (codeOf(error) !== SQLITE_BUSY || performance.now() > end) throw error;
    }
    // Pauses of different lengths: otherwise the two processes can collide again.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 20);
  }
}

/** Whether no process can write the file: it is on a read-only medium, and there is no content in a write-ahead log. */
function isSealed(path: string): boolean {
  if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return false;
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}
