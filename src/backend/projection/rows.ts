import { nextDue } from '../../core/task/due.ts';
import { AgentqError } from '../../core/errors.ts';
import { rankOf } from '../../core/envelope/priority.ts';
import { isDead, type Task } from '../../core/task/task.ts';
import type { Connection } from './connection.ts';

/** A task with the number of its row, which is the order in which tasks were submitted. */
export interface Row {
  readonly n: number;
  readonly task: Task;
}

export interface StoredRow {
  readonly n: number;
  readonly state: string;
}

/** @throws AgentqError `corrupt` */
export function parseStored(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AgentqError('corrupt', 'the store contains a row that is not JSON', 'agentq doctor --repair');
  }
}

/** The state in a row whose content is not in this file. A store has no such rows. */
export const ABSENT = 'null';

/** States that are needed, and are not in this file. Thrown before anything was changed; the caller loads them. */
export class AbsentStates extends AgentqError {
  /** The numbers of their rows. */
  readonly rows: readonly number[];

  constructor(rows: readonly number[]) {
    super('corrupt', 'the content of an ended task is not in the cache', 'agentq doctor --repair');
    this.rows = rows;
  }
}

/** @throws AbsentStates */
export function toRow({ n, state }: StoredRow): Row {
  if (state === ABSENT) throw new AbsentStates([n]);
  return { n, task: parseStored(state) as Task };
}

export function findRow(db: Connection, id: string): Row | undefined {
  const stored = db.get<StoredRow>('SELECT n, state FROM tasks WHERE id = ?', id);
  return stored && toRow(stored);
}

/** All columns of a task's row that follow from its state. */
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

/** @param n its number, if it is not the next one. @returns its number */
export function insert(db: Connection, task: Task, n: number | null = null): number {
  return db.run(
    'INSERT INTO tasks (n, id, role, sender, rank, status, dead, ready_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    n,
    ...Object.values(columns(task)),
  );
}

/** Writes the columns that can change during the life of a task. */
export function change(db: Connection, n: number, task: Task): number {
  const { status, dead, ready_at, due_at, state } = columns(task);
  db.run(
    'UPDATE tasks SET status = ?, dead = ?, ready_at = ?, due_at = ?, state = ? WHERE n = ?',
    status,
    dead,
    ready_at,
    due_at,
    state,
    n,
  );
  return n;
}

/** Writes a whole row as it follows from the state, and overwrites the existing one. */
export function restore(db: Connection, n: number, task: Task): void {
  db.run(
    'INSERT OR REPLACE INTO tasks (n, id, role, sender, rank, status, dead, ready_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    n,
    ...Object.values(columns(task)),
  );
}
