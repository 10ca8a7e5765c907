import type { Task } from '../../../core/task/task.ts';
import type { Connection } from '../../projection/connection.ts';
import type { Author } from '../wire/author.ts';

/** Where the log last spoke of an unknown task: where its beginning has fallen out, or somebody invents it. */
export type EntrySource = Author | { readonly from: string };

/**
 * Tasks that the cache knows by the word of one role's workers alone: their submit has fallen out of the log, or never
 * was in it. Such a word is believed until a coordinator speaks of the same task.
 */
export class Hearsay {
  readonly #db: Connection;

  constructor(db: Connection) {
    this.#db = db;
  }

  /** The role by whose word the task is known; undefined where the log itself has shown it. */
  roleOf(id: string): string | undefined {
    return this.#row(id)?.role;
  }

  /** Where the log last changed such a task: the offset; -1 for others. */
  changedAt(id: string): number {
    return this.#row(id)?.last ?? -1;
  }

  #row(id: string): { role: string; last: number } | undefined {
    return this.#db.get<{ role: string; last: number }>('SELECT role, last FROM hearsay WHERE id = ?', id);
  }

  learned(id: string, role: string, offset: number): void {
    this.#db.run('INSERT OR REPLACE INTO hearsay (id, role, last) VALUES (?, ?, ?)', id, role, offset);
  }

  changed(id: string, offset: number): void {
    this.#db.run('UPDATE hearsay SET last = ? WHERE id = ?', offset, id);
  }

  confirmed(id: string): void {
    this.#db.run('DELETE FROM hearsay WHERE id = ?', id);
  }

  /** The log has spoken of a task that is not known. What a role's workers say counts for tasks of this role alone. */
  mentioned(id: string, speaker: EntrySource, offset: number): void {
    this.#db.run('INSERT OR REPLACE INTO orphan (id, last) VALUES (?, ?)', orphanId(id, speaker), offset);
  }

  /** Whether the log has spoken of an unknown task after an offset, so that a state of then is out of date. */
  isOutdated(task: Task, after: number): boolean {
    return this.#orphanIds(task).some((id) => {
      const orphan = this.#db.get<{ last: number }>('SELECT last FROM orphan WHERE id = ?', id);
      return orphan !== undefined && orphan.last > after;
    });
  }

  /** The task is known from now on. */
  adopted(task: Task): void {
    for (const id of this.#orphanIds(task)) this.#db.run('DELETE FROM orphan WHERE id = ?', id);
  }

  #orphanIds({ id, envelope, ...task }: Task): readonly string[] {
    const worker = task.status === 'working' ? [task.lease.worker] : [];
    return [id, ...[envelope.to, ...worker].map((from) => orphanId(id, { from }))];
  }
}

/** A space is in no task id. */
function orphanId(id: string, speaker: EntrySource): string {
  if (typeof speaker === 'string') return id;
  return `${id} ${'role' in speaker ? speaker.role : speaker.from}`;
}
