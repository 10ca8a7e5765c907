import { AgentqError } from '../../../core/errors.ts';
import { isFinished, type Task } from '../../../core/task/task.ts';
import type { Ended, EndedQuestion } from '../../backend.ts';
import type { Connection } from '../connection.ts';
import { FINISHED } from '../schema.ts';
import { ABSENT, AbsentStates, type StoredRow, toRow } from '../rows.ts';

/** The row of an ended task, and the place in the log where it ended; -1 if it is not known. */
export interface EndedRow {
  readonly n: number;
  readonly end: number;
}

/** A condition for ended tasks. The tasks are not found by their status. */
export const ENDED = `+${FINISHED}`;

/** The order of an answer without a place: the last that have ended first. */
export const LATEST = 'ORDER BY updated_at DESC, n DESC LIMIT ?';

/** A condition for the tasks in question, without an index by their sender if `plus` is `+`. */
export function scopeOf(
  { from, ids }: EndedQuestion,
  plus: '' | '+',
): { readonly sql: string; readonly value: string } {
  return from === undefined
    ? { sql: 'id IN (SELECT value FROM json_each(?))', value: JSON.stringify(ids ?? []) }
    : { sql: `${plus}sender = ?`, value: from };
}

/**
 * The answer from the rows that match.
 * @param found if there is no `after`, in the order of LATEST, and not more than the limit
 * @param place the end of the log when they were found
 * @throws AbsentStates
 */
export function answer(
  db: Connection,
  question: EndedQuestion,
  found: readonly EndedRow[],
  place: number,
): Omit<Ended, 'place'> & { readonly place: number } {
  const { after, limit } = question;
  const more = after !== undefined && found.length > limit;
  const inOrder = after === undefined ? found.toReversed() : found.toSorted((a, b) => a.end - b.end);
  // Tasks that have ended at one place are told together.
  const last = more ? inOrder[limit - 1]!.end : place;
  const told = after === undefined ? inOrder : inOrder.filter(({ end }) => end <= last);
  const earlier = after === undefined ? endedCount(db, question) - told.length : 0;
  const next = { place: last, more: told.length < found.length, earlier };
  return { tasks: statesOf(db, told), ...next, ...openTasks(db, question) };
}

function endedCount(db: Connection, question: EndedQuestion): number {
  const { sql, value } = scopeOf(question, '');
  return db.get<{ count: number }>(`SELECT count(*) AS count FROM tasks WHERE ${sql} AND ${ENDED}`, value)!.count;
}

/** How many of the tasks are open, and when time changes the first of them. */
function openTasks(db: Connection, question: EndedQuestion): Pick<Ended, 'open' | 'next_due'> {
  const { sql, value } = scopeOf(question, '');
  const row = db.get<{ open: number; due: number | null }>(
    `SELECT count(*) AS open, min(due_at) AS due FROM tasks WHERE ${sql} AND NOT (${ENDED})`,
    value,
  )!;
  return { open: row.open, ...(row.due !== null && { next_due: row.due }) };
}

function statesOf(db: Connection, rows: readonly EndedRow[]): Task[] {
  const sql = 'SELECT n, state FROM tasks WHERE n IN (SELECT value FROM json_each(?))';
  const stored = db.all<StoredRow>(sql, JSON.stringify(rows.map(({ n }) => n)));
  const absent = stored.filter(({ state }) => state === ABSENT).map(({ n }) => n);
  if (absent.length > 0) throw new AbsentStates(absent);
  const tasks = new Map(stored.map((one) => [one.n, toRow(one).task]));
  // A task that was taken back meanwhile is told when it ends again.
  return rows.map(({ n }) => tasks.get(n)).filter((task) => task !== undefined && isFinished(task));
}

/** @throws AgentqError `usage` */
export function wrongPlace(): AgentqError {
  return new AgentqError('usage', 'the cursor is not of this queue, or is damaged', 'leave --since out to begin again');
}

/** A place in the log as text, and back. */
export const textOf = (place: number): string => (place + 1).toString(36);

/** @throws AgentqError `usage` for a place that the log has not reached */
export function placeOf(text: string, end: number): number {
  const place = /^[\da-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) - 1 : Infinity;
  if (place > end) throw wrongPlace();
  return place;
}
