import type { Connection } from '../../../projection/connection.ts';
import { isTaskEvent } from '../../../../core/log/subject.ts';
import type { LogEntry } from '../../wire/message/decode.ts';
import type { Author } from '../../wire/author.ts';

/**
 * The shortest silence that counts, in ms. A shorter remainder of an outage that was already reported does not count.
 */
export const SHORTEST = 1_000;

/** How many periods of silence are kept for each role. */
const SILENCES = 100;

/** How far the clocks of two machines may differ, in ms. */
export const TOLERANCE = 60_000;

/** The clock of all coordinators is stored under this name. */
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
 * The time that the log has reached, separately for each role: only entries of the role's own workers and of
 * coordinators advance it. So a worker with a wrong time cannot advance the clock of other roles. A coordinator
 * corrects a clock that is ahead of its own.
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

  /** Advances the author's clock. */
  advance(author: Author, at: number): void {
    if (author === 'anyone') return;
    if (author === 'coordinator') this.#correct(at);
    const role = author === 'coordinator' ? COORDINATORS : author.role;
    const clock = this.#of(role);
    if (clock.at !== 0 && at - clock.at >= SHORTEST) this.#remember(role, { began: clock.at, ended: at });
    if (at > clock.at) this.#set(role, { ...clock, at });
  }

  /** Records that programs which name their role in their notes work for this role. */
  sign(role: string): void {
    if (!this.isSigned(role)) this.#set(role, { ...this.#of(role), signed: true });
  }

  /** Only programs that sign their notes republish an open task under the key of coordinators. */
  noteSigned({ signed, role, author, events: [first] }: LogEntry & { kind: 'events' }): void {
    if (signed && typeof author !== 'string') this.sign(author.role);
    const isCarriedTask = first && isTaskEvent(first) && first.type === 'carried';
    if (author === 'coordinator' && role === undefined && isCarriedTask) this.sign(first.task.envelope.to);
  }

  /** Whether the role's workers name their role in their notes: then no other note counts for it. */
  isSigned(role: string): boolean {
    return this.#of(role).signed;
  }

  /** Up to when outages of the role are counted, ms since 1970. */
  awayUntil(role: string): number {
    return this.#of(role).away_until;
  }

  setAwayUntil(role: string, away_until: number): void {
    this.#set(role, { ...this.#of(role), away_until });
  }

  /** How long the log contains no entry of the role's workers or of a coordinator, within a span of time, in ms. */
  silence(role: string, span: Span): number {
    const coordinators = this.#silencesOf(COORDINATORS);
    return this.#silencesOf(role)
      .flatMap((one) => coordinators.map((other) => overlap(overlap(one, other), span)))
      .reduce((sum, { began, ended }) => sum + Math.max(0, ended - began), 0);
  }

  /** The periods that are over, and the current one since the last entry. */
  #silencesOf(role: string): readonly Span[] {
    const { at } = this.#of(role);
    return [
      ...this.#db.all<Span>('SELECT began, ended FROM role_silence WHERE role = ?', role),
      { began: at, ended: Infinity },
    ];
  }

  /** Sets back each role's clock that is ahead of a later entry of a coordinator. */
  #correct(at: number): void {
    for (const [role, clock] of this.#clocks) {
      if (role === COORDINATORS || clock.at <= at + TOLERANCE) continue;
      this.#set(role, { ...clock, at, away_until: Math.min(clock.away_until, at) });
      this.#db.run('DELETE FROM role_silence WHERE role = ? AND ended > ?', role, at + TOLERANCE);
      this.#db.run('UPDATE workers SET seen_at = ?1 WHERE role = ?2 AND seen_at > ?1', at, role);
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
