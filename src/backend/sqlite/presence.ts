import type { ClaimRequest } from '../backend.ts';
import type { Connection } from '../projection/connection.ts';

/** How often a worker's presence is written, in ms, and how long it is kept. */
const PRESENCE_EVERY = 15_000;
const PRESENCE_KEPT = 86_400_000;

/** Records which workers ask for work. All times in ms since 1970. */
export class Presence {
  readonly #db: Connection;
  readonly #written = new Map<string, number>();

  constructor(db: Connection) {
    this.#db = db;
  }

  /** Whether the presence of the worker is to be written. */
  isDue({ role, worker }: ClaimRequest, now: number): boolean {
    // If the clock was set back, presence must still be written.
    return Math.abs(now - (this.#written.get(`${role} ${worker}`) ?? 0)) >= PRESENCE_EVERY;
  }

  /** Whether this process has not written the presence of the worker before. */
  isFirst({ role, worker }: ClaimRequest): boolean {
    return !this.#written.has(`${role} ${worker}`);
  }

  /** Within the caller's transaction. */
  write({ role, worker }: ClaimRequest, now: number): void {
    this.#db.run('DELETE FROM workers WHERE seen_at < ?', now - PRESENCE_KEPT);
    this.#db.run(
      'INSERT INTO workers (name, role, seen_at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seen_at = ?3',
      worker,
      role,
      now,
    );
    this.#written.set(`${role} ${worker}`, now);
  }
}
