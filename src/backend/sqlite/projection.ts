import { nextDue } from '../../core/due.ts';
import type { Event } from '../../core/event.ts';
import { rankOf } from '../../core/priority.ts';
import { resultsQueue } from '../../core/reply-to.ts';
import { isDead, isFinished, type Task } from '../../core/task.ts';
import type { Connection } from './connection.ts';

/** A task with the number of its row, which is the order in which tasks were submitted. */
export interface Row {
  readonly n: number;
  readonly task: Task;
}

interface Stored {
  readonly n: number;
  readonly state: string;
}

export function toRow(stored: Stored): Row {
  return { n: stored.n, task: JSON.parse(stored.state) as Task };
}

export function findRow(db: Connection, id: string): Row | undefined {
  const stored = db.get<Stored>('SELECT n, state FROM task WHERE id = ?', id);
  return stored && toRow(stored);
}

/** The columns that follow from the state, in the order in which the statements below name them. */
export function columns(task: Task): (string | number | null)[] {
  return [
    task.status,
    isDead(task) ? 1 : 0,
    task.status === 'queued' ? task.ready_at : null,
    nextDue(task) ?? null,
    JSON.stringify(task),
  ];
}

/**
 * Appends events to the log and writes the state that they fold to; puts the result message of a task that they
 * finished into its mailbox. Within the caller's transaction.
 * @returns the row's number
 */
export function record(db: Connection, before: Row | undefined, after: Task, events: readonly Event[]): number {
  const n = before ? update(db, before.n, after) : insert(db, after);
  for (const event of events) db.run('INSERT INTO event (task, body) VALUES (?, ?)', n, JSON.stringify(event));
  if (isFinished(after) && after.status !== before?.task.status) {
    const queue = after.envelope.reply_to ?? resultsQueue(after.envelope.from);
    db.run('INSERT INTO mailbox (queue, task) VALUES (?, ?)', queue, n);
  }
  return n;
}

function insert(db: Connection, task: Task): number {
  return db.run(
    'INSERT INTO task (id, role, sender, rank, status, dead, ready_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    task.id,
    task.envelope.to,
    task.envelope.from,
    rankOf(task.envelope.priority),
    ...columns(task),
  );
}

export function update(db: Connection, n: number, task: Task): number {
  db.run('UPDATE task SET status = ?, dead = ?, ready_at = ?, due_at = ?, state = ? WHERE n = ?', ...columns(task), n);
  return n;
}
