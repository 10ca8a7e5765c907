import type { Message } from '../../../../core/task/messages.ts';
import { isFinished, type Task } from '../../../../core/task/task.ts';
import type { Connection } from '../../../projection/connection.ts';
import { type StoredRow, toRow } from '../../../projection/rows.ts';
import { adoptEndPlace, noteEndPlace } from './end-places.ts';
import { endingOf, taskOfEnding } from '../../wire/entry-id.ts';

/** A task, and the entry that ended it. */
export interface Ended {
  readonly task: Task;
  readonly ending: string;
}

/** The entry that caused a message. */
export interface Cause {
  readonly entry: string;
  readonly offset: number;
  /** The time that the log has reached, ms since 1970: the event may be dated long before its entry. */
  readonly reached: number;
}

/** How long the process that ended a task has to send its messages before another process sends them, in ms. */
export const OVERDUE = 5_000;

/**
 * Records that the messages of a task that has ended are to be sent, or no longer. The messages of one end are recorded
 * together, under that of its result.
 * @param n the number of the task's row
 * @param cause the entry that caused it
 */
export function noteMessage(
  db: Connection,
  n: number,
  { type, state, task, cause }: Message,
  { entry, offset, reached }: Cause,
): void {
  if (type !== 'result') return;
  noteEndPlace(db, n, state === 'due' ? offset : undefined);
  if (state === 'withdrawn') {
    db.run('DELETE FROM ending WHERE task = ?', n);
    return;
  }
  const at = Math.max(cause.at, reached);
  db.run('INSERT OR REPLACE INTO ending VALUES (?, ?, ?, 0)', n, endingOf(task.id, entry), at);
  noteQueue(db, task, at);
}

/** Which queue of result messages to look into. */
export interface LookRequest {
  /** The queue was last looked at before this time: ms since 1970. */
  readonly before: number;
  /** A time from which on a time is wrong. */
  readonly future: number;
  /** The queues that the user may not read. */
  readonly refused: ReadonlySet<string>;
  /** The first choice. */
  readonly first: string | undefined;
}

/**
 * A queue of result messages that is to be looked at. The choice is random: a short process does not know which queues
 * were refused before, and they must not keep it from the others.
 */
export function queueToLookAt(db: Connection, { before, future, refused, first }: LookRequest): string | undefined {
  return db.get<{ name: string }>(
    `SELECT name FROM result_queue
     WHERE (looked_at <= ?1 OR looked_at > ?2) AND name NOT IN (SELECT value FROM json_each(?3))
     ORDER BY name IS ?4 DESC, random() LIMIT 1`,
    before,
    future,
    JSON.stringify([...refused]),
    first ?? null,
  )?.name;
}

/** Records that it is known which messages wait in a queue. */
export function noteLook(db: Connection, queue: string, at: number): void {
  db.run('UPDATE result_queue SET looked_at = ? WHERE name = ?', at, queue);
}

/** The end of a task, as an entry that repeats the task says it. */
export interface StatedEnding {
  readonly id: string;
  readonly announced: boolean;
}

/** The entry that ended a task, for the machines that will not find it in the log; undefined if it is not known. */
export function endingOfTask(db: Connection, id: string): StatedEnding | undefined {
  const row = db.get<{ id: string; announced: number }>(
    'SELECT ending.id AS id, announced FROM ending JOIN tasks ON tasks.n = ending.task WHERE tasks.id = ?',
    id,
  );
  return row && { id: row.id, announced: row.announced === 1 };
}

/**
 * Records the end of a task that another machine has repeated. An end that the log itself has shown is kept.
 * @param at when it was repeated, ms since 1970
 * @param after how far the log was read then: the task has ended at this offset or before
 */
export function adoptEnding(
  db: Connection,
  n: number,
  task: Task,
  { id, announced }: StatedEnding,
  at: number,
  after = -1,
): void {
  if (!isFinished(task) || taskOfEnding(id) !== task.id) return;
  adoptEndPlace(db, n, after);
  db.run('INSERT OR IGNORE INTO ending VALUES (?, ?, ?, ?)', n, id, task.updated_at, announced ? 1 : 0);
  noteQueue(db, task, at);
}

/** Records that a message of the task may wait, and that the log contains the task at this time. */
function noteQueue(db: Connection, { envelope }: Task, at: number): void {
  db.run('INSERT OR IGNORE INTO result_queue (name, looked_at) VALUES (?, ?)', envelope.reply_to, at);
}

/** Records that the messages of a task that has ended were sent. */
export function noteSent(db: Connection, n: number, ending: string): void {
  db.run('UPDATE ending SET announced = 1 WHERE id = ? AND task = ?', ending, n);
}

/** Tasks whose messages a process should be sending at this moment. @param now ms since 1970 */
export function justEnded(db: Connection, now: number): readonly Ended[] {
  return unannounced(db, 'at >= ?1 AND at < ?2', now - OVERDUE, now + OVERDUE);
}

/**
 * Tasks whose messages are overdue. An end that is dated long after now has a wrong time, and is overdue as well.
 * @param now ms since 1970
 * @param role the role whose tasks to return; undefined for all
 */
export function overdue(db: Connection, now: number, role?: string): readonly Ended[] {
  const at = '(at < ?1 OR at >= ?2) AND (?3 IS NULL OR role = ?3)';
  return unannounced(db, at, now - OVERDUE, now + OVERDUE, role ?? null);
}

/** Ended tasks without a record that their messages were sent. */
function unannounced(db: Connection, at: string, ...values: (number | string | null)[]): readonly Ended[] {
  return db
    .all<StoredRow & { id: string }>(
      `SELECT n, state, ending.id AS id FROM ending JOIN tasks ON tasks.n = ending.task
       WHERE announced = 0 AND ${at} ORDER BY at LIMIT 100`,
      ...values,
    )
    .map((stored) => ({ task: toRow(stored).task, ending: stored.id }));
}
