import type { Event } from '../../core/task/event.ts';
import { isFinished, type Task } from '../../core/task/task.ts';
import type { Connection } from '../projection/connection.ts';
import { change, insert, type Row } from '../projection/rows.ts';

/**
 * Appends events to the log and writes the state that results from them. The result message of a task that they finish
 * is added to its mailbox. The result message of a task that they take back, and that was not read yet, is removed from
 * it. Runs within the caller's transaction.
 */
export function record(db: Connection, before: Row | undefined, after: Task, events: readonly Event[]): void {
  const n = before ? change(db, before.n, after) : insert(db, after);
  let last = 0;
  for (const event of events) last = db.run('INSERT INTO events (task, body) VALUES (?, ?)', n, JSON.stringify(event));
  if (after.status === before?.task.status) return;
  const queue = after.envelope.reply_to;
  if (isFinished(after)) db.run('INSERT INTO messages (event, queue, task) VALUES (?, ?, ?)', last, queue, n);
  else if (before && isFinished(before.task)) db.run('DELETE FROM messages WHERE queue = ? AND task = ?', queue, n);
}
