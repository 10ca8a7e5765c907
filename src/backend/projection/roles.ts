import type { Connection } from './connection.ts';

/**
 * The roles to which a task was ever sent, also if it was pruned. A worker that waits for tasks makes its role known by
 * its presence.
 */
export const rolesSchema = 'CREATE TABLE roles (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;';

/** Records that a task was sent to the role. */
export function addRole(db: Connection, role: string): void {
  db.run('INSERT OR IGNORE INTO roles (name) VALUES (?)', role);
}

export function knowsRole(db: Connection, role: string): boolean {
  return (
    db.get('SELECT 1 FROM roles WHERE name = ?', role) !== undefined ||
    db.get('SELECT 1 FROM workers WHERE role = ?', role) !== undefined
  );
}

/** The known roles, in alphabetical order. */
export function knownRoles(db: Connection): string[] {
  return db
    .all<{ name: string }>('SELECT name FROM roles UNION SELECT role FROM workers ORDER BY 1')
    .map(({ name }) => name);
}
