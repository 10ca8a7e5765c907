import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Command } from '../../src/core/task/decision/command.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import { isFinished, type Task } from '../../src/core/task/task.ts';
import { anyRole, forged, IDS, type Role } from './support/forged.ts';
import { envelope, type Forged, Machine, MINUTE, MemoryLog, reading, SECOND } from './support/memory-log.ts';

/**
 * Random logs of two roles, with entries that a user with the permissions of role `r` can write. Plain result messages
 * are not forged here, because they name their sender themselves: docs/brokers.md describes that gap.
 */

/** One step of a test: valid entries, a wait, an outage or a forged entry. */
type Step =
  | { readonly does: 'wait' | 'outage'; readonly ms: number }
  | { readonly does: 'command'; readonly role: Role; readonly n: number; readonly what: number }
  | { readonly does: 'forge'; readonly entry: Forged };

const step: fc.Arbitrary<Step> = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  { weight: 6, arbitrary: fc.record({ does: fc.constant('command'), role: anyRole, n: fc.nat(2), what: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('wait'), ms: fc.constantFrom(SECOND, MINUTE, 10 * MINUTE) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('outage'), ms: fc.constantFrom(2 * SECOND, 3 * MINUTE) }) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(forged, fc.boolean())
      .map(([entry, undated]): Step => ({ does: 'forge', entry: { ...entry, undated } })),
  },
);

function commandOf(id: string, role: Role, what: number, task: Task | undefined): Command {
  const lease = 5 * MINUTE;
  const sender = { by: `${role}-1`, attempt: task?.attempts.at(-1)?.number };
  if (!task) return { type: 'submit', envelope: envelope(id, role, { ttl_seconds: 3_600 }) };
  const commands: readonly Command[] = [
    { type: 'claim', worker: `${role}-1`, lease },
    { type: 'renew', lease, ...sender },
    { type: 'complete', artifacts: [], ...sender },
    { type: 'fail', reason: 'no', artifacts: [], ...sender },
    { type: 'cancel', by: 'lead' },
    { type: 'retry', by: 'lead' },
    { type: 'elapse' },
  ];
  return commands[what]!;
}

/** Writes the valid steps to two logs, and the forged entries to one of them. */
class TwoLogs {
  readonly clean = new MemoryLog();
  readonly hostile = new MemoryLog();
  readonly #honest = new Machine();

  constructor(steps: readonly Step[]) {
    for (const one of steps) this.#take(one);
    this.end();
  }

  #take(one: Step): void {
    switch (one.does) {
      case 'forge':
        return this.hostile.forge(one.entry);
      case 'wait':
        return this.#wait(one.ms);
      case 'outage': {
        const from = this.clean.now;
        this.#wait(one.ms);
        const to = this.clean.now;
        return this.both((log) => log.note({ away: { from, to }, role: 's' }, { role: 's' }));
      }
      default:
        return this.#command(one.role, IDS[one.role][one.n]!, one.what);
    }
  }

  #wait(ms: number): void {
    this.both((log) => (log.now += ms));
  }

  #command(role: Role, id: string, what: number): void {
    this.#wait(SECOND);
    const { now } = this.clean;
    const task = this.#honest.read(this.clean).task(id);
    const { events, refusal } = decide(task, commandOf(id, role, what, task), { now, random: () => 0.5 });
    if (refusal || events.length === 0) return;
    const [first] = events;
    if (first?.type === 'submitted') return this.both((log) => log.submit(id, role, first.envelope));
    this.both((log) => log.note({ events: [...events], roles: [role], role }));
  }

  /** Appends an entry with a time, so that a reader can date the entries without a time before it. */
  end(): void {
    this.both((log) => log.note({}));
  }

  /** A coordinator repeats the open tasks of role s. */
  carry(): void {
    const open = this.#honest
      .read(this.clean)
      .tasksOf('s')
      .filter((task) => !isFinished(task));
    for (const task of open) {
      const event = { v: 1, type: 'carried', task_id: task.id, at: this.clean.now, task } as const;
      this.both((log) => log.note({ events: [event], roles: ['s'], after: log.length - 1 }, { role: null }));
    }
  }

  both(write: (log: MemoryLog) => void): void {
    write(this.clean);
    write(this.hostile);
  }
}

const runs = { numRuns: 60 };

test('entries forged with the permissions of one role change no task of another', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { clean, hostile } = new TwoLogs(steps);
      const [untouched, attacked] = [reading(clean), reading(hostile)];
      const honest = untouched.tasksOf('s');
      expect(attacked.tasksOf('s').filter(({ id }) => honest.some((task) => task.id === id))).toEqual(honest);
      expect(attacked.tasksOf('s')).toHaveLength(honest.length);
      const historyOf = ({ cache }: Machine) =>
        cache.db.all("SELECT body FROM events JOIN tasks ON n = task WHERE role = 's' ORDER BY id, seq");
      expect(historyOf(attacked)).toEqual(historyOf(untouched));
      expect(attacked.cache.db.all("SELECT * FROM workers WHERE role = 's'")).toEqual([]);
    }),
    runs,
  );
});

test('a cache that read the log in parts and a new cache are equal', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(fc.nat(5), { maxLength: 20 }), (steps, parts) => {
      const { hostile } = new TwoLogs(steps);
      const whole = reading(hostile);
      const growing = new Machine();
      for (const part of parts) growing.fold(hostile.from(growing.cache.position().last + 1).slice(0, part));
      growing.read(hostile);
      for (const table of [
        'tasks',
        'events',
        'ending',
        'hearsay',
        'role_clock',
        'role_silence',
        'passed_over',
        'workers',
      ])
        expect(growing.cache.db.all(`SELECT * FROM ${table}`), table).toEqual(
          whole.cache.db.all(`SELECT * FROM ${table}`),
        );
    }),
    runs,
  );
});

test('a cache that begins later in the log has the same open tasks of another role after a coordinator repeated them', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(step, { maxLength: 10 }),
      fc.nat(40),
      (steps, more, start) => {
        const logs = new TwoLogs(steps);
        const begin = Math.min(start, logs.hostile.length);
        logs.carry();
        for (const one of more) if (one.does === 'forge') logs.hostile.forge(one.entry);
        logs.end();
        const [old, fresh] = [reading(logs.hostile), reading(logs.hostile, begin)];
        const open = (machine: Machine) => machine.tasksOf('s').filter((task) => !isFinished(task));
        expect(open(fresh)).toEqual(open(old));
      },
    ),
    runs,
  );
});
