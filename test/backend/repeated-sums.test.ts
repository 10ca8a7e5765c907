import { describe, expect, test } from 'vitest';
import { thingsToCarry } from '../../src/backend/amqp/cache/tables/thing-log.ts';
import { findThing } from '../../src/backend/projection/things.ts';
import type { Spending } from '../../src/core/spending/spending.ts';
import { Machine, MemoryLog, MINUTE, reading } from '../hostile/support/memory-log.ts';

const ROLE = 'coder';
const DAY = 24 * 60 * MINUTE;
/** The retention of the log, in days. */
const RETENTION = 30;

function spend(log: MemoryLog, id: string, usd: number): void {
  log.submit(id, ROLE);
  log.claim(id, ROLE);
  const event = { v: 1, type: 'renewed', task_id: id, at: log.now, attempt: 1 } as const;
  log.append(ROLE, { ...event, expires_at: log.now + 5 * MINUTE, cost: { usd } });
}

/** What was spent in total, in US dollars. */
const spentBy = ({ cache }: Machine) =>
  ((findThing(cache.db, { kind: 'spending', id: 'all' }) as Spending | undefined)?.micro_usd ?? NaN) / 1_000_000;

/** Republishes what is due on a machine. @returns the number of entries */
function republish(machine: Machine, log: MemoryLog): number {
  const third = (RETENTION * DAY) / 3;
  const limits = { before: log.now - third, late: log.now - 2 * third, future: log.now + DAY, now: log.now, limit: 20 };
  const due = thingsToCarry(machine.read(log).cache.db, limits);
  const after = log.length - 1;
  for (const event of due) log.note({ events: [event], after }, { role: null });
  machine.read(log);
  return due.length;
}

/** A log that has dropped a cost of $100, and contains one of $1 that is as old as a third of the retention. */
function dropping(): { readonly log: MemoryLog; readonly begin: number } {
  const log = new MemoryLog();
  spend(log, 'a', 100);
  const begin = log.length;
  log.now += (RETENTION + 1) * DAY;
  spend(log, 'b', 1);
  log.now += 12 * DAY;
  return { log, begin };
}

describe('what was spent, on a machine whose log begins later', () => {
  test('is not repeated while a machine that knows all of it may do so, and is corrected by that one', () => {
    const { log, begin } = dropping();
    const [old, fresh] = [reading(log), reading(log, begin)];
    expect([spentBy(old), spentBy(fresh)]).toEqual([101, 1]);
    expect(republish(fresh, log)).toBe(0);
    expect(republish(old, log)).toBeGreaterThan(0);
    expect([spentBy(old), spentBy(fresh.read(log))]).toEqual([101, 101]);
    // Now it knows the same, and repeats it for the next machine.
    log.now += 11 * DAY;
    expect(republish(fresh, log)).toBeGreaterThan(0);
    expect(spentBy(reading(log, log.length - 1 - begin))).toBe(101);
  });

  test('is repeated if no other machine has done so for long, and does not lower what a machine knows in full', () => {
    const { log, begin } = dropping();
    const [old, fresh, other] = [reading(log), reading(log, begin), reading(log, begin + 1)];
    log.now += 9 * DAY;
    spend(log, 'c', 2);
    expect([spentBy(old), spentBy(fresh)]).toEqual([101, 1]);
    expect(republish(fresh, log)).toBeGreaterThan(0);
    expect([spentBy(old.read(log)), spentBy(fresh), spentBy(other.read(log))]).toEqual([103, 3, 3]);
    expect(republish(old, log)).toBeGreaterThan(0);
    expect([old, fresh, other].map((machine) => spentBy(machine.read(log)))).toEqual([103, 103, 103]);
  });
});
