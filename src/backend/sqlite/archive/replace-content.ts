import type { Connection } from '../../projection/connection.ts';

/**
 * Replaces all tables of a store by those of another file, in one transaction: a process that has the store open sees
 * either the old or the new content as a whole. So no process continues with a file that is no longer the store.
 * @param before called when other processes can no longer write and nothing is changed yet
 */
export function replaceContent(store: Connection, file: string, before: () => void): void {
  store.run('ATTACH DATABASE ? AS copy', file);
  try {
    store.transaction(() => {
      before();
      for (const name of tablesOf(store, 'main')) store.execute(`DROP TABLE main.${quoted(name)}`);
      for (const { sql } of definitions(store, 'table')) store.execute(sql);
      for (const name of tablesOf(store, 'copy'))
        store.execute(`INSERT INTO main.${quoted(name)} SELECT * FROM copy.${quoted(name)}`);
      for (const { sql } of definitions(store, 'index')) store.execute(sql);
      return { keep: true };
    });
  } finally {
    store.execute('DETACH DATABASE copy');
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

function tablesOf(db: Connection, schema: 'main' | 'copy'): string[] {
  return db
    .all<{ name: string }>(
      `SELECT name FROM ${schema}.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .map(({ name }) => name);
}

/** The indexes that SQLite creates itself, for UNIQUE, have no SQL text. */
function definitions(db: Connection, type: 'table' | 'index'): { sql: string }[] {
  return db.all(
    `SELECT sql FROM copy.sqlite_schema WHERE type = ? AND sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    type,
  );
}
