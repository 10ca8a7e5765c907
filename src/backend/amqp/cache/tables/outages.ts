import type { Event } from '../../../../core/task/event.ts';
import type { TaskIn } from '../../../../core/task/task.ts';
import type { Connection } from '../../../projection/connection.ts';
import { type StoredRow, toRow } from '../../../projection/rows.ts';
import type { LogEntry } from '../../wire/message/decode.ts';
import type { Note } from '../../wire/message/log-body.ts';
import { type RoleClocks, SHORTEST, TOLERANCE } from './role-clocks.ts';

/*
 * Outages of the broker, and the leases that no worker can renew during one. In order of time:
 *
 *   1. Each entry states when it was written. The fold records every time of at least SHORTEST without an entry as a
 *      silence: of the log (Outages), and of each role's workers and of coordinators (RoleClocks).
 *   2. The connection is lost. The client keeps this time, and tries to connect again (ReconnectingClient).
 *   3. The connection is back. Before any other entry, the process writes one note for each role that it works for or
 *      that has running tasks: the role was without the broker from 2 to 3 (outageNotes, called by Log).
 *   4. The fold extends the leases of the role by the part of this time that is silent, and was not counted before
 *      (Outages.stretch). If the log contains entries of this time, only the process of the note was disconnected.
 *   5. Another process looks at a lease that ended during 2 to 3. If it connected only after a silence in which the
 *      lease ended, notes about it may still follow. It waits for them for the grace before it ends the lease
 *      (OutageGrace, called by TaskCommits).
 */

/** The longest outage that is accepted, in ms. */
const LONGEST = 7 * 86_400_000;

/** How many periods of silence are kept. */
const SILENCES = 100;

/** The shortest silence of the log that a process waits after, in ms. */
const SILENCE = 2_000;

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

/** The notes about an outage that has just ended. @param roles those that this process works for */
export function outageNotes(db: Connection, away: Outage, roles: ReadonlySet<string>): readonly Note[] {
  if (away.to - away.from < SHORTEST) return [];
  const running = db.all<{ role: string }>("SELECT DISTINCT role FROM tasks WHERE status = 'working'");
  return [...new Set([...roles, ...running.map(({ role }) => role)])].map((role) => ({ away, role }));
}

/** How long a process waits for the notes of others before it ends a lease. */
export class OutageGrace {
  readonly #grace: number;
  readonly #db: () => Connection;
  readonly #clock: () => number;
  #connected: number | undefined;

  /**
   * @param grace how long the workers that were connected need to connect again, in ms
   * @param db of the cache, opened on first use
   */
  constructor(grace: number, db: () => Connection, clock: () => number) {
    this.#grace = grace;
    this.#db = db;
    this.#clock = clock;
  }

  /** An entry of this process has appeared. @param at when it was written, ms since 1970 */
  published(at: number): void {
    this.#connected ??= at;
  }

  /** How long to wait before a lease is ended that was over at this moment, in ms. */
  patience(endedAt: number): number {
    if (this.#connected === undefined || this.#connected < endedAt) return 0;
    // If an entry has stated a time in the future, the log does not show how long others were silent.
    const astray = this.#db().get<{ at: number }>('SELECT at FROM log')!.at > this.#clock() + TOLERANCE;
    if (astray) return Math.min(this.#grace, Math.max(0, this.#connected + this.#grace - this.#clock()));
    // Others may have been active after the lease's end: an entry that is published after a silence may have been
    // written before it.
    const { ended } = this.#db().get<{ ended: number | null }>(
      'SELECT max(ended) AS ended FROM silence WHERE ended BETWEEN ? AND ? AND ended - began >= ?',
      endedAt,
      this.#connected,
      SILENCE,
    )!;
    return ended === null ? 0 : Math.min(this.#grace, Math.max(0, ended + this.#grace - this.#clock()));
  }
}
