import type { LogEvent } from '../../../../core/log/rules.ts';
import { isTaskEvent, type Subject } from '../../../../core/log/subject.ts';
import type { Task } from '../../../../core/task/task.ts';
import type { Connection } from '../../../projection/connection.ts';
import type { Author } from '../../wire/author.ts';

/** The author of an entry, or the sender that a plain result message names. */
export type EntrySource = Author | { readonly from: string };

/**
 * Tasks that the cache knows only from the workers of one role: the log has dropped their submit, or never contained
 * it. These statements are valid until a coordinator states something about the same task.
 */
export class Hearsay {
  readonly #db: Connection;

  constructor(db: Connection) {
    this.#db = db;
  }

  /** The role, if only its workers have mentioned the task; undefined if the log itself has shown the task. */
  roleOf(id: string): string | undefined {
    return this.#row(id)?.role;
  }

  /** Tasks of one role that its workers have invented, under an id that a coordinator now gives to another role. */
  displacedBy(events: readonly LogEvent[]): ReadonlySet<string> {
    const displaced = events.flatMap((event) => {
      if (!isTaskEvent(event) || event.type !== 'submitted') return [];
      const role = this.roleOf(event.task_id);
      return role !== undefined && event.envelope.to !== role ? [event.task_id] : [];
    });
    return new Set(displaced);
  }

  /** Whether a coordinator's statement corrects what only a role's workers have mentioned. @param after where it was read */
  isCorrectedBy(known: Task, task: Task, after: number): boolean {
    const row = this.#row(known.id);
    return row !== undefined && (task.envelope.to !== known.envelope.to || row.last <= after);
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

  /**
   * Records that the log has mentioned an unknown task. A statement of a role's workers counts only for tasks of this
   * role.
   */
  mentioned(id: string, source: EntrySource, offset: number): void {
    this.#db.run('INSERT OR REPLACE INTO orphan (id, last) VALUES (?, ?)', orphanId(id, source), offset);
  }

  /** Whether the log has mentioned an unknown task after an offset, so that a state from that offset is out of date. */
  isOutdated(task: Task, after: number): boolean {
    return this.#orphanIds(task).some((id) => {
      const orphan = this.#db.get<{ last: number }>('SELECT last FROM orphan WHERE id = ?', id);
      return orphan !== undefined && orphan.last > after;
    });
  }

  /** Same, for a thing of another kind. */
  mentionedThing(thing: Subject, offset: number): void {
    this.#db.run('INSERT OR REPLACE INTO orphan (id, last) VALUES (?, ?)', orphanThing(thing), offset);
  }

  /** The offset at which the log last mentioned an unknown thing that is not a task; -1 if it did not. */
  lastMention(thing: Subject): number {
    return this.#db.get<{ last: number }>('SELECT last FROM orphan WHERE id = ?', orphanThing(thing))?.last ?? -1;
  }

  /** Records that a thing that is not a task is now known. */
  adoptedThing(thing: Subject): void {
    this.#db.run('DELETE FROM orphan WHERE id = ?', orphanThing(thing));
  }

  /** Records that the task is now known. */
  adopted(task: Task): void {
    for (const id of this.#orphanIds(task)) this.#db.run('DELETE FROM orphan WHERE id = ?', id);
  }

  #orphanIds({ id, envelope, ...task }: Task): readonly string[] {
    const worker = task.status === 'working' ? [task.lease.worker] : [];
    return [id, ...[envelope.to, ...worker].map((from) => orphanId(id, { from }))];
  }
}

/** No task id contains `/`. */
const orphanThing = ({ kind, id }: Subject): string => `${kind}/${id}`;

/** A task id contains no space. */
function orphanId(id: string, source: EntrySource): string {
  if (typeof source === 'string') return id;
  return `${id} ${'role' in source ? source.role : source.from}`;
}
