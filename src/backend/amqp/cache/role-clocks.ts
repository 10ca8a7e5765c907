import type { Connection } from '../../projection/connection.ts';
import type { Author } from '../wire/author.ts';

/** The shortest silence that counts, in ms: what is left of an outage that was told before is none. */
export const SHORTEST = 1_000;

/** How many times of silence are remembered of each role. */
const SILENCES = 100;

/** How far the clocks of machines may differ, in ms. */
export const TOLERANCE = 60_000;

/** The clock of all coordinators stands under this name. */
const COORDINATORS = '';

interface Clock {
  readonly at: number;
  readonly signed: boolean;
  readonly away_until: number;
}

interface Span {
  readonly began: number;
  readonly ended: number;
}

const NEVER: Clock = { at: 0, signed: false, away_until: 0 };

/**
 * The time that the log has reached, for each role by itself: only what its own workers and coordinators say moves it.
 * So a worker that says a wrong time cannot move the time of others. A coordinator puts right what is ahead of it.
 */
export class RoleClocks {
  readonly #db: Connection;
  readonly #clocks: Map<string, Clock>;
  readonly #changed = new Set<string>();

  constructor(db: Connection) {
    this.#db = db;
    const rows = db.all<{ role: string; at: number; signed: number; away_until: number }>('SELECT * FROM role_clock');
    this.#clocks = new Map(
      rows.map(({ role, at, signed, away_until }) => [role, { at, signed: signed === 1, away_until }]),
    );
  }

  /** Somebody has spoken. */
  advance(author: Author, at: number): void {
    if (author === 'anyone') return;
    if (author === 'coordinator') this.#correct(at);
    const role = author === 'coordinator' ? COORDINATORS : author.role;
    const clock = this.#of(role);
    if (clock.at !== 0 && at - clock.at >= SHORTEST) this.#remember(role, { began: clock.at, ended: at });
    if (at > clock.at) this.#set(role, { ...clock, at });
  }

  /** Programs that say in their notes for which role they work are at work for this one. */
  sign(role: string): void {
    if (!this.isSigned(role)) this.#set(role, { ...this.#of(role), signed: true });
  }

  /** Whether the role's workers say in their notes for which role they work: then no other note counts for it. */
  isSigned(role: string): boolean {
    return this.#of(role).signed;
  }

  /** Up to when outages of the role are accounted for, ms since 1970. */
  awayUntil(role: string): number {
    return this.#of(role).away_until;
  }

  setAwayUntil(role: string, away_until: number): void {
    this.#set(role, { ...this.#of(role), away_until });
  }

  /** For how long neither the role's workers nor a coordinator was heard in a span of time, in ms. */
  silence(role: string, span: Span): number {
    const coordinators = this.#silencesOf(COORDINATORS);
    return this.#silencesOf(role)
      .flatMap((one) => coordinators.map((other) => overlap(overlap(one, other), span)))
      .reduce((sum, { began, ended }) => sum + Math.max(0, ended - began), 0);
  }

  /** Those that are over, and the one since the last word. */
  #silencesOf(role: string): readonly Span[] {
    const { at } = this.#of(role);
    return [
      ...this.#db.all<Span>('SELECT began, ended FROM role_silence WHERE role = ?', role),
      { began: at, ended: Infinity },
    ];
  }

  /** No role is ahead of a coordinator, who has spoken later. */
  #correct(at: number): void {
    for (const [role, clock] of this.#clocks) {
      if (role === COORDINATORS || clock.at <= at + TOLERANCE) continue;
      this.#set(role, { ...clock, at, away_until: Math.min(clock.away_until, at) });
      this.#db.run('DELETE FROM role_silence WHERE role = ? AND ended > ?', role, at + TOLERANCE);
      this.#db.run('UPDATE worker SET seen_at = ?1 WHERE role = ?2 AND seen_at > ?1', at, role);
    }
  }

  #remember(role: string, { began, ended }: Span): void {
    this.#db.run('INSERT INTO role_silence (role, began, ended) VALUES (?, ?, ?)', role, began, ended);
    this.#db.run(
      `DELETE FROM role_silence WHERE role = ?1
       AND rowid <= (SELECT rowid FROM role_silence WHERE role = ?1 ORDER BY rowid DESC LIMIT 1 OFFSET ${SILENCES})`,
      role,
    );
  }

  #of(role: string): Clock {
    return this.#clocks.get(role) ?? NEVER;
  }

  #set(role: string, clock: Clock): void {
    this.#clocks.set(role, clock);
    this.#changed.add(role);
  }

  /** Writes the clocks that have changed. */
  write(): void {
    for (const role of this.#changed) {
      const { at, signed, away_until } = this.#of(role);
      this.#db.run('INSERT OR REPLACE INTO role_clock VALUES (?, ?, ?, ?)', role, at, signed ? 1 : 0, away_until);
    }
    this.#changed.clear();
  }
}

function overlap(one: Span, other: Span): Span {
  return { began: Math.max(one.began, other.began), ended: Math.min(one.ended, other.ended) };
}
