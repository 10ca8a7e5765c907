import { gunzipSync, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Connection } from '../../projection/connection.ts';
import { ABSENT } from '../../projection/rows.ts';

/** The number of consecutive rows that a chunk covers. */
export const ROWS = 2_000;

/** An ended task: the number of its row, its state, the end that was announced, and its events in order. */
type ChunkRow = readonly [
  n: number,
  state: string,
  ending: readonly [id: string, at: number, announced: number] | null,
  events: readonly string[],
];

/**
 * The content of a chunk: the tasks whose rows are in the table `moved`, from the database `cache`. The same tasks give
 * the same bytes.
 */
export async function chunkOf(db: Connection, first: number, last: number): Promise<Buffer> {
  const range = 'IN (SELECT n FROM temp.moved) AND task BETWEEN ? AND ?';
  const endings = new Map(
    db
      .all<{ task: number; id: string; at: number; announced: number }>(
        `SELECT task, id, at, announced FROM cache.ending WHERE task ${range}`,
        first,
        last,
      )
      .map(({ task, id, at, announced }) => [task, [id, at, announced] as const]),
  );
  const events = new Map<number, string[]>();
  for (const { task, body } of db.all<{ task: number; body: string }>(
    `SELECT task, body FROM cache.events WHERE task ${range} ORDER BY seq`,
    first,
    last,
  )) {
    const known = events.get(task);
    if (known) known.push(body);
    else events.set(task, [body]);
  }
  const rows = db
    .all<{ n: number; state: string }>(
      'SELECT n, state FROM cache.tasks WHERE n IN (SELECT n FROM temp.moved) ORDER BY n',
    )
    .map(({ n, state }): ChunkRow => [n, state, endings.get(n) ?? null, events.get(n) ?? []]);
  return promisify(gzip)(JSON.stringify(rows), { level: 6 });
}

/**
 * Writes the content of a chunk to the rows of a cache whose states are absent.
 * @returns false if the content is not a chunk
 */
export function loadChunk(db: Connection, first: number, content: Buffer): boolean {
  const rows = parse(content);
  if (!rows) return false;
  db.transaction(() => {
    for (const [n, state, ending, events] of rows) {
      // Another process may have loaded it, and the task may have changed since.
      if (!db.get('SELECT 1 FROM tasks WHERE n = ? AND state = ?', n, ABSENT)) continue;
      db.run('UPDATE tasks SET state = ? WHERE n = ?', state, n);
      for (const body of events) db.run('INSERT INTO events (task, body) VALUES (?, ?)', n, body);
      if (ending) db.run('INSERT OR IGNORE INTO ending VALUES (?, ?, ?, ?)', n, ...ending);
    }
    db.run('UPDATE chunk SET loaded = 1 WHERE first = ?', first);
    return { keep: true };
  });
  return true;
}

function parse(content: Buffer): readonly ChunkRow[] | undefined {
  try {
    return JSON.parse(gunzipSync(content).toString('utf8')) as readonly ChunkRow[];
  } catch {
    return undefined;
  }
}
