import type { DatabaseSync } from 'node:sqlite';
import { AgentqError } from '../../core/errors.ts';
import type { Form } from './form.ts';
import { isUnwritable, translate } from './sqlite-error.ts';

/** How long a process waits for another one that migrates a large file, in ms. */
const MIGRATION_TIMEOUT = 600_000;

/** The value of a pragma that is a number. */
export function pragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() as object)[0]);
}

export function newerSchema(path: string, found: number, known: number): AgentqError {
  return new AgentqError(
    'newer-schema',
    `${path} has schema ${found}; this agentq knows up to ${known}`,
    'use the newer agentq that wrote it',
  );
}

/**
 * Runs the missing steps in one transaction. Of several processes, the first one runs them; the others wait for it and
 * find nothing to do. If the process is killed, the file stays as it was.
 * @throws AgentqError `storage` or `busy` if the file cannot be written; `corrupt` if the form has no steps
 */
export function migrate(db: DatabaseSync, path: string, { version, migrations }: Form): void {
  const found = pragma(db, 'user_version');
  if (!migrations) throw new AgentqError('corrupt', `${path} has schema ${found}, not ${version}`, 'delete it');
  try {
    db.exec(`PRAGMA busy_timeout = ${MIGRATION_TIMEOUT}; BEGIN IMMEDIATE`);
    // Another process may have migrated the file, or a newer agentq may have.
    for (let reached = pragma(db, 'user_version'); reached < version; reached++) {
      db.exec(`${migrations[reached - 1]!}; PRAGMA user_version = ${reached + 1}`);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    const cause = translate(error, path);
    if (!isUnwritable(cause)) throw cause;
    const { code, message } = cause as AgentqError;
    throw new AgentqError(
      code,
      `${path} was written by an older agentq, and has to be migrated from schema ${found} to ${version}: ${message}`,
      'make it writable; or, on another disk: agentq backup FILE, then in a new workspace: agentq restore FILE',
    );
  }
}
