import { nextDue } from '../../core/due.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { rankOf } from '../../core/priority.ts';
import { isDead, isFinished, type Task } from '../../core/task.ts';
import type { Connection } from './connection.ts';

/** A task with the number of its row, which is the order in which tasks were submitted. */
export interface Row {
  readonly n: number;
  readonly task: Task;
}

export interface Stored {
  readonly n: number;
  readonly state: string;
}

/** @throws AgentqError `corrupt` */
export function parseStored(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AgentqError('corrupt', 'the store holds a row that is no JSON', 'agentq doctor --repair');
  }
}

export function toRow({ n, state }: Stored): Row {
  return { n, task: parseStored(state) as Task };
}

export function findRow(db: Connection, id: string): Row | undefined {
  const stored = db.get<Stored>('SELECT n, state FROM task WHERE id = ?', id);
  return stored && toRow(stored);
}

/** Everything in a task's row that follows from its state, by column. */
export function columns(task: Task) {
  const { envelope } = task;
  return {
    id: task.id,
    role: envelope.to,
    sender: envelope.from,
    rank: rankOf(envelope.priority),
    status: task.status,
    dead: isDead(task) ? 1 : 0,
    ready_at: task.status === 'queued' ? task.ready_at : null,
    due_at: nextDue(task) ?? null,
    state: JSON.stringify(task),
  };
}

/**
 * Appends events to the log and writes the state that they fold to. The result message of a task that they
 * finished goes into its mailbox; that of a task which they took back, and which nobody has read, goes out of it.
 * Within the caller's transaction.
 */
export function record(db: Connection, before: Row | undefined, after: Task, events: readonly Event[]): void {
  const n = before ? change(db, before.n, after) : insert(db, after);
  let last = 0;
  for (const event of events) last = db.run('INSERT INTO event (task, body) VALUES (?, ?)', n, JSON.stringify(event));
  if (after.status === before?.task.status) return;
  const queue = after.envelope.reply_to;
  if (isFinished(after)) db.run('INSERT INTO mailbox (event, queue, task) VALUES (?, ?, ?)', last, queue, n);
  else if (before && isFinished(before.task)) db.run('DELETE FROM mailbox WHERE queue = ? AND task = ?', queue, n);
}

function insert(db: Connection, task: Task): number {
  return db.run(
    'INSERT INTO task (id, role, sender, rank, status, dead, ready_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...Object.values(columns(task)),
  );
}

/** What can change in the life of a task. */
function change(db: Connection, n: number, task: Task): number {
  const { status, dead, ready_at, due_at, state } = columns(task);
  db.run(
    'UPDATE task SET status = ?, dead = ?, ready_at = ?, due_at = ?, state = ? WHERE n = ?',
    status,
    dead,
    ready_at,
    due_at,
    state,
    n,
  );
  return n;
}

/** Writes a whole row as it follows from the state, whatever stands there now. */
export function restore(db: Connection, n: number, task: Task): void {
  db.run(
    'INSERT OR REPLACE INTO task (n, id, role, sender, rank, status, dead, ready_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    n,
    ...Object.values(columns(task)),
  );
}
