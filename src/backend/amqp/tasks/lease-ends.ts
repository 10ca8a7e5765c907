import type { Task } from '../../../core/task/task.ts';
import type { Cache } from '../cache/cache.ts';
import { type Lease, leaseOf } from '../cache/tables/leases.ts';
import { monotonic } from '../connection/monotonic.ts';
import type { BrokerClock } from '../log/broker-clock.ts';

export interface LeaseEndsParts {
  readonly cache: Cache;
  readonly brokerClock: BrokerClock;
  /** The id of the clock of this machine. */
  readonly clockId: () => string;
  /** Called when the clock of this machine is found to be ahead of the broker's. */
  readonly onAhead: () => void;
}

/** A live lease is judged again after a tenth of its length, within these limits in ms. */
const SOONEST = 1_000;
const LATEST = 10_000;

/** How many judgements are kept. */
const KEPT = 10_000;

/** A lease that was found to be live, by the monotonic clock. */
interface Live {
  readonly since: number;
  readonly until: number;
}

/**
 * Judges whether a lease is over that has ended by the clock of this machine. If this machine granted it, that clock
 * decides. The clock of another machine may differ. So a lease of another machine is over when the entry that granted
 * it is as old as the lease is long, by the clock of the broker. If the broker does not show that, it is over when this
 * process has waited for the length of the lease.
 */
export class LeaseEnds {
  readonly #parts: LeaseEndsParts;
  readonly #judged = new Map<string, Live | 'over'>();

  constructor(parts: LeaseEndsParts) {
    this.#parts = parts;
  }

  /** Whether the lease is over; undefined if the broker must be asked. */
  isOver(task: Task): boolean | undefined {
    const lease = this.#foreign(task);
    if (!lease) return true;
    const judged = this.#judged.get(keyOf(task, lease));
    if (judged === undefined || judged === 'over') return judged === undefined ? undefined : true;
    const now = monotonic();
    if (now - judged.since >= lease.span) return true;
    return now < judged.until ? false : undefined;
  }

  /** Asks the broker about leases that must be judged. @returns whether it did: the state may have changed since */
  async judge(tasks: readonly Task[]): Promise<boolean> {
    const leases = tasks.flatMap((task) => {
      const lease = this.isOver(task) === undefined ? this.#foreign(task) : undefined;
      return lease ? [{ key: keyOf(task, lease), ...lease }] : [];
    });
    if (leases.length === 0) return false;
    if (this.#judged.size > KEPT) this.#judged.clear();
    const { brokerClock, onAhead } = this.#parts;
    for (const [seconds, alike] of Map.groupBy(leases, ({ span }) => Math.ceil(span / 1_000))) {
      const before = await brokerClock.agedBefore(seconds);
      for (const { key, offset, span } of alike)
        this.#judged.set(key, offset < before ? 'over' : this.#live(key, span));
    }
    if (brokerClock.ahead > 1) onAhead();
    return true;
  }

  #live(key: string, span: number): Live {
    const before = this.#judged.get(key);
    const now = monotonic();
    const since = typeof before === 'object' ? before.since : now;
    return { since, until: now + Math.min(LATEST, Math.max(SOONEST, span / 10)) };
  }

  /** How the lease was granted, if another machine did it. */
  #foreign(task: Task): Lease | undefined {
    const lease = task.status === 'working' ? leaseOf(this.#parts.cache.db, task.id) : undefined;
    return lease && lease.clock !== this.#parts.clockId() ? lease : undefined;
  }
}

/** The same for a lease until it is renewed, or extended by the length of an outage: that changes only its span. */
function keyOf({ id }: Task, { offset, span }: Lease): string {
  return `${offset} ${span} ${id}`;
}
