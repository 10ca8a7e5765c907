import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { openStatuses } from '../../core/task/task.ts';
import type { Glance, GlanceScope, GlanceTask } from '../glance.ts';

/** How many rows are searched in the order of their age, so that a large queue costs no more than a small one. */
const SEARCHED = 5_000;

const COLUMNS = 'id, status, role';

/** The rows of each scope, by an index that a store and a cache both have. */
const rowsOf: Readonly<Record<GlanceScope, string>> = {
  any: 'FROM tasks ORDER BY n DESC',
  open: `FROM tasks INDEXED BY task_open
    WHERE status IN (${openStatuses.map((status) => `'${status}'`).join()}) AND status <> 'completed'`,
  dead: 'FROM tasks WHERE dead = 1 ORDER BY n DESC',
};

/**
 * Looks at a store, or at a cache of a log.
 * @returns undefined if there is no such file
 */
export function glanceAt(path: string): Glance | undefined {
  if (!existsSync(path)) return undefined;
  // Without a write-ahead log, nothing writes at present. SQLite would create one, also to read.
  const place = existsSync(`${path}-wal`) ? path : new URL('?immutable=1', pathToFileURL(path));
  const db = new DatabaseSync(place, { readOnly: true, timeout: 0 });
  return {
    tasks(prefix, scope, limit) {
      const range = [prefix, `${prefix}\u{10ffff}`];
      const select = `SELECT * FROM (SELECT ${COLUMNS} ${rowsOf[scope]} LIMIT ${SEARCHED})`;
      const first = db.prepare(`${select} WHERE id >= ? AND id < ? LIMIT ?`).all(...range, limit);
      const more =
        scope === 'any' && first.length < limit
          ? db.prepare(`SELECT ${COLUMNS} FROM tasks WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`).all(...range, limit)
          : [];
      const tasks = [...first, ...more] as unknown as GlanceTask[];
      return [...new Map(tasks.map((task) => [task.id, task])).values()].slice(0, limit);
    },
    roles(prefix, limit) {
      const sql =
        'SELECT name FROM (SELECT name FROM roles UNION SELECT role FROM workers) WHERE name >= ? AND name < ?';
      const rows = db.prepare(`${sql} ORDER BY name LIMIT ?`).all(prefix, `${prefix}\u{10ffff}`, limit);
      return rows.map(({ name }) => String(name));
    },
    close: () => db.close(),
  };
}
