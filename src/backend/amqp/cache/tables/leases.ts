import type { Event } from '../../../../core/task/event.ts';
import type { Task } from '../../../../core/task/task.ts';
import type { Connection } from '../../../projection/connection.ts';

/** How a lease was granted: by a claim or a renewal, or by the entry that told this machine of the task. */
export interface Lease {
  /** The offset of that entry. */
  readonly offset: number;
  /** How long the lease lasts from then on, in ms. */
  readonly span: number;
  /** The clock of the machine that granted it, by its id; empty if the entry does not name it. */
  readonly clock: string;
}

/**
 * Records where the log grants each lease, and for how long: then the end of a lease can be judged by the age of an
 * entry, without a comparison of the clocks of two machines.
 */
export class Leases {
  readonly #db: Connection;
  readonly #granted = new Map<string, Lease>();

  constructor(db: Connection) {
    this.#db = db;
  }

  /** @param clock the clock that the times of the events come from */
  grant(events: readonly Event[], offset: number, clock = ''): void {
    for (const event of events) {
      if (event.type === 'claimed' || event.type === 'renewed')
        this.#granted.set(event.task_id, { offset, span: event.expires_at - event.at, clock });
      else if (event.type === 'carried' && event.task.status === 'working')
        this.#granted.set(event.task_id, {
          offset,
          span: event.task.lease.expires_at - event.task.updated_at,
          clock: '',
        });
    }
  }

  /** Extends a lease by the length of an outage, in ms. Its row must be written. */
  extend(task: number, span: number): void {
    this.#db.run('UPDATE lease SET span = span + ? WHERE task = ?', span, task);
  }

  /** Writes the row of a task that has changed. @param isNew whether the task had no row before */
  write(n: number, { id, status }: Task, isNew: boolean): void {
    const lease = this.#granted.get(id);
    this.#granted.delete(id);
    if (status !== 'working') {
      if (!isNew) this.#db.run('DELETE FROM lease WHERE task = ?', n);
    } else if (lease) {
      const { offset, span, clock } = lease;
      this.#db.run(
        'INSERT OR REPLACE INTO lease (task, offset, span, clock) VALUES (?, ?, ?, ?)',
        n,
        offset,
        span,
        clock,
      );
    }
  }
}

/** How the lease of a running task was granted; undefined if the cache does not know it. */
export function leaseOf(db: Connection, id: string): Lease | undefined {
  return db.get<Lease & object>(
    'SELECT offset, span, clock FROM lease WHERE task = (SELECT n FROM tasks WHERE id = ?)',
    id,
  );
}
