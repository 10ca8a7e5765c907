import { FINISHED } from '../schema.ts';
import type { Connection } from '../connection.ts';

/** A text with this beginning is a JSON array: the column has it if the attempts of a task had several workers. */
const LIST = '[';
/** The least text after all texts that begin with `[`. */
const AFTER_LISTS = '\\';

/** A condition with the name of a worker as `?` twice: whether one of the attempts in a row was the worker's. */
export const HOLDS_WORKER = `(+workers = ? OR (+workers >= '${LIST}' AND +workers < '${AFTER_LISTS}'
  AND EXISTS (SELECT 1 FROM json_each(workers) WHERE value = ?)))`;

/**
 * All values of the column in finished tasks that contain the worker. Lists are found one by one: only a task that was
 * begun by several workers has one, and a few workers make few different lists.
 */
export function* columnsWith(db: Connection, worker: string): Generator<string> {
  if (!worker.startsWith(LIST)) yield worker;
  const sql = `SELECT min(workers) AS workers FROM tasks INDEXED BY task_of_worker
    WHERE ${FINISHED} AND workers IS NOT NULL AND workers > ? AND workers < '${AFTER_LISTS}'`;
  const after = (value: string) => db.get<{ workers: string | null }>(sql, value)!.workers;
  for (let value = after(LIST); value !== null; value = after(value)) {
    if ((JSON.parse(value) as string[]).includes(worker)) yield value;
  }
}
