import { nextDue } from '../../core/task/fold/due.ts';
import { AgentqError } from '../../core/errors.ts';
import { rankOf } from '../../core/envelope/priority.ts';
import { groupOf } from '../../core/envelope/group.ts';
import { DEFAULT_TYPE } from '../../core/envelope/envelope.ts';
import { isDead, type Task } from '../../core/task/task.ts';
import type { Connection } from './connection.ts';
import { addRole } from './roles.ts';

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

/** The columns of a task's row besides its number. */
const names = [
  'id',
  'role',
  'sender',
  'rank',
  'status',
  'dead',
  'ready_at',
  'due_at',
  'updated_at',
  'type',
  'group_name',
  'workers',
  'state',
] as const;

/** The columns of a task's row that follow from its state, in the order of `names`. */
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
    updated_at: task.updated_at,
    type: envelope.type === DEFAULT_TYPE ? null : envelope.type,
    group_name: groupOf(envelope) ?? null,
    workers: workersOf(task),
    state: JSON.stringify(task),
  } satisfies Record<(typeof names)[number], string | number | null>;
}

/**
 * The workers of all attempts: null if there is none, the name of the only one, or else a JSON array. So `[` marks a
 * list.
 */
function workersOf({ attempts }: Task): string | null {
  const [first, ...others] = new Set(attempts.map(({ worker }) => worker));
  if (first === undefined) return null;
  return others.length === 0 && !first.startsWith('[') ? first : JSON.stringify([first, ...others]);
}

/** Writes a row to a table with the columns of `tasks`. @param n its number, or null for the next one. @returns its number */
export function write(db: Connection, task: Task, n: number | null, into = 'INSERT INTO tasks'): number {
  const places = names.map(() => ', ?').join('');
  return db.run(`${into} (n, ${names.join(', ')}) VALUES (?${places})`, n, ...Object.values(columns(task)));
}

/** @param n its number, if it is not the next one. @returns its number */
export function insert(db: Connection, task: Task, n: number | null = null): number {
  addRole(db, task.envelope.to);
  return write(db, task, n);
}

/** Writes the columns that can change during the life of a task. */
export function change(db: Connection, n: number, task: Task): number {
  // An edit has changed columns of the submit.
  if (task.original) {
    restore(db, n, task);
    return n;
  }
  const { status, dead, ready_at, due_at, updated_at, workers, state } = columns(task);
  db.run(
    `UPDATE tasks SET status = ?, dead = ?, ready_at = ?, due_at = ?, updated_at = ?, workers = ?, state = ?
     WHERE n = ?`,
    status,
    dead,
    ready_at,
    due_at,
    updated_at,
    workers,
    state,
    n,
  );
  return n;
}

/** Writes a whole row as it follows from the state, and overwrites the existing one. */
export function restore(db: Connection, n: number, task: Task): void {
  addRole(db, task.envelope.to);
  write(db, task, n, 'INSERT OR REPLACE INTO tasks');
}
