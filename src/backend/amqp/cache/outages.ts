import type { Event } from '../../../core/task/event.ts';
import type { TaskIn } from '../../../core/task/task.ts';
import type { Connection } from '../../projection/connection.ts';
import { type StoredRow, toRow } from '../../projection/rows.ts';
import type { LogEntry } from '../wire/decode.ts';
import { type RoleClocks, SHORTEST } from './role-clocks.ts';

/** The longest outage that is accepted, in ms. */
const LONGEST = 7 * 86_400_000;

/** How many periods of silence are kept. */
const SILENCES = 100;

interface Outage {
  readonly from: number;
  readonly to: number;
}

type Working = TaskIn<'working'>;

/**
 * During an outage of the broker no worker can renew its lease, so the leases are extended by the length of the outage.
 * Several processes report the same outage with different times. Time that was already counted does not count again.
 * Time in which the log contains entries of others does not count either: then only the reporting process was
 * disconnected. An outage counts from its beginning: the leases were live then.
 */
export class Outages {
  readonly #db: Connection;
  readonly #clocks: RoleClocks;
  readonly #renew: (entry: string, event: Event, span: number) => void;

  /** @param renew folds the event that extends a lease by this span */
  constructor(db: Connection, clocks: RoleClocks, renew: (entry: string, event: Event, span: number) => void) {
    this.#db = db;
    this.#clocks = clocks;
    this.#renew = renew;
  }

  /** Records a period in which the log received no entry. */
  notice(before: number, at: number): void {
    if (before === 0 || at - before < SHORTEST) return;
    this.#db.run('INSERT INTO silence (began, ended) VALUES (?, ?)', before, at);
    this.#db.run('DELETE FROM silence WHERE rowid <= (SELECT max(rowid) FROM silence) - ?', SILENCES);
  }

  /** Extends leases by the part of an outage that the log shows as silence. The cache must hold every task's state. */
  stretch({ id, at, author }: LogEntry, outage: Outage): void {
    if (outage.to > at || outage.to - outage.from > LONGEST) return;
    if (author === 'anyone') this.#stretchUnsigned(id, outage);
    else if (author !== 'coordinator') this.#stretchOf(author.role, id, outage);
  }

  /** A note under a role's key extends the leases of this role. */
  #stretchOf(role: string, id: string, { from, to }: Outage): void {
    const began = Math.max(from, this.#clocks.awayUntil(role));
    const silent = this.#clocks.silence(role, { began, ended: to });
    if (silent < SHORTEST) return;
    this.#clocks.setAwayUntil(role, to);
    this.#move(id, began, silent, (task) => task.envelope.to === role);
  }

  /** Older programs do not name their role. Their notes count for roles that only such programs work for. */
  #stretchUnsigned(id: string, { from, to }: Outage): void {
    const { away_until } = this.#db.get<{ away_until: number }>('SELECT away_until FROM log')!;
    const began = Math.max(from, away_until);
    const { silent } = this.#db.get<{ silent: number }>(
      `SELECT coalesce(sum(min(ended, ?2) - max(began, ?1)), 0) AS silent FROM silence
       WHERE min(ended, ?2) > max(began, ?1)`,
      began,
      to,
    )!;
    if (silent < SHORTEST) return;
    this.#db.run('UPDATE log SET away_until = ?', to);
    this.#move(id, began, silent, (task) => !this.#clocks.isSigned(task.envelope.to));
  }

  #move(entry: string, at: number, span: number, concerns: (task: Working) => boolean): void {
    const working = this.#db.all<StoredRow>("SELECT n, state FROM tasks WHERE status = 'working'");
    for (const task of working.map((stored) => toRow(stored).task)) {
      if (task.status !== 'working' || task.lease.expires_at <= at || !concerns(task)) continue;
      const { attempt, expires_at } = task.lease;
      const event: Event = { v: 1, type: 'renewed', task_id: task.id, at, attempt, expires_at: expires_at + span };
      this.#renew(`${entry}:${task.id}`, event, span);
    }
  }
}
