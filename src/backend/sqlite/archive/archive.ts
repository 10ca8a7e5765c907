import { counted } from '../../../core/counted.ts';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../../core/errors.ts';
import { decide } from '../../../core/task/decision/decide.ts';
import { syncName } from '../../../files/durable-file.ts';
import { removeLeftovers } from '../../../files/leftovers.ts';
import { rules } from '../../../core/log/rules.ts';
import type { Archive, Restored } from '../../archive.ts';
import type { BackendOptions } from '../../options.ts';
import { audit } from '../../projection/audit.ts';
import { Connection } from '../../projection/connection.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import { bellsIn, Doorbell } from '../../projection/doorbell.ts';
import { epochOf, writeEpoch } from '../epoch.ts';
import { storeSchema } from '../schema.ts';
import { createSqlite, databaseIn } from '../create.ts';
import { noteEpoch, notedEpoch } from './noted-epoch.ts';
import { openersOf } from './openers.ts';
import { record } from '../record.ts';
import { replaceContent } from './replace-content.ts';
import { DROP_LISTING, SqliteCopy } from './store-copy.ts';

const SCRATCH = 'agentq.db.restoring-';

/** Backups of a store in one SQLite file, and the restore from them. */
export class SqliteArchive implements Archive {
  readonly #options: BackendOptions;
  readonly #database: string;

  constructor(options: BackendOptions) {
    this.#options = options;
    this.#database = databaseIn(options.dir);
  }

  get occupied(): boolean {
    if (!existsSync(this.#database)) return false;
    const store = this.#usable();
    if (!store) return true;
    try {
      return store.get('SELECT 1 FROM events LIMIT 1') !== undefined;
    } finally {
      store.close();
    }
  }

  take(file: string): SqliteCopy {
    return whole(SqliteCopy.of(this.#database, file, this.#options.fileMode), this.#database);
  }

  settle(file: string): void {
    syncName(file);
  }

  /** Where this process writes a restored store until it is complete. */
  get #scratch(): string {
    return join(this.#options.dir, `${SCRATCH}${process.pid}`);
  }

  load(file: string): SqliteCopy {
    removeLeftovers(this.#options.dir, SCRATCH);
    return whole(SqliteCopy.of(file, this.#scratch, this.#options.fileMode), file);
  }

  restore(copy: SqliteCopy): Restored {
    const { dir, fileMode, clock } = this.#options;
    const present = this.#usable();
    if (!present) refuseOpen(this.#database);
    const since = epochOf(copy.db);
    const epoch = Math.max(since, notedEpoch(dir), present ? epochOf(present) : 0) + 1;
    present?.close();
    const begun = beginEpoch(copy.db, { epoch, since }, clock());
    copy.close();
    noteEpoch(dir, epoch, fileMode);
    const aside = `${this.#database}.before-${epoch}`;
    if (!present && existsSync(this.#database)) moveAside(this.#database, aside);
    createSqlite(this.#options);
    const store = Connection.open(this.#database, storeSchema);
    try {
      replaceContent(store, copy.path, () => {
        if (epochOf(store) >= epoch)
          throw new AgentqError('busy', 'another restore was faster', 'check what it restored');
        if (!store.get('SELECT 1 FROM events LIMIT 1')) return;
        SqliteCopy.of(this.#database, `${this.#scratch}.before`, fileMode).close();
        renameSync(`${this.#scratch}.before`, aside);
        syncName(aside);
      });
      this.#ring(store);
    } finally {
      store.close();
    }
    return { epoch, ...begun, ...(existsSync(aside) && { replaced: aside }) };
  }

  /** The store, open; undefined if there is none, or it is damaged. */
  #usable(): Connection | undefined {
    let store: Connection | undefined;
    try {
      store = Connection.open(this.#database, storeSchema);
      const [found] = store.all<{ integrity_check: string }>('PRAGMA integrity_check(1)');
      if (found?.integrity_check === 'ok') return store;
    } catch (error) {
      if (!(error instanceof AgentqError && error.code === 'corrupt')) throw error;
    }
    store?.close();
    return undefined;
  }

  /** Wakes the waiting processes, which then read the restored store. */
  #ring(store: Connection): void {
    const bell = new Doorbell(bellsIn(this.#options.dir), this.#options.fileMode);
    for (const { role } of store.all<{ role: string }>('SELECT DISTINCT role FROM tasks')) bell.ring({ role });
    bell.ring('finished');
    bell.ring('changed');
    bell.close();
  }
}

/** @throws AgentqError `corrupt` if the copy is damaged, or its log is inconsistent */
function whole(copy: SqliteCopy, source: string): SqliteCopy {
  const wrong = audit(copy.db, true).filter(({ repaired }) => !repaired);
  if (wrong.length === 0) return copy;
  copy[Symbol.dispose]();
  const [{ subject, problem } = { subject: '', problem: '' }] = wrong;
  throw new AgentqError(
    'corrupt',
    `${source} is damaged in ${counted(wrong.length, 'place')}: ${subject}: ${problem}`,
    'keep it as it is, and look for another backup',
  );
}

/**
 * A damaged file is moved aside: a process that has it open would continue to write to it. @throws AgentqError `busy`
 */
function refuseOpen(path: string): void {
  const openers = existsSync(path) ? openersOf(path) : [];
  if (openers.length === 0) return;
  throw new AgentqError(
    'busy',
    `${path} is damaged, and these processes have it open: ${openers.join(', ')}`,
    'end them, then try again',
  );
}

/** Ends all leases, and raises the numbers of future attempts. */
function beginEpoch(
  db: Connection,
  { epoch, since }: { readonly epoch: number; readonly since: number },
  now: number,
): { tasks: number; leases_ended: number } {
  let leases_ended = 0;
  const { n: tasks } = db.get<{ n: number }>('SELECT count(*) AS n FROM tasks')!;
  db.transaction(() => {
    for (const row of db.all<StoredRow>("SELECT n, state FROM tasks WHERE status <> 'completed'").map(toRow)) {
      const { events, task } = decide(row.task, { type: 'restore', epoch, since }, { now, random: () => 0 });
      if (row.task.status === 'working') leases_ended++;
      if (task && events.length > 0) record(db, rules, events, new Map([[task.id, row]]));
    }
    writeEpoch(db, epoch, now);
    db.execute(DROP_LISTING);
    return { keep: true };
  });
  return { tasks, leases_ended };
}

/** Moves the file and the files beside it, without which it may lack its last changes. */
function moveAside(path: string, aside: string): void {
  for (const end of ['-wal', '-shm', '']) {
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${aside}${end}`);
  }
  syncName(aside);
}
