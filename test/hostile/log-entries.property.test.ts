import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WORKER_SUBJECTS } from '../../src/backend/amqp/subject.ts';
import type { Command } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import { isFinished, type Task } from '../../src/core/task.ts';
import {
  envelope,
  type Forged,
  Machine,
  MINUTE,
  names,
  PaperLog,
  reading,
  SECOND,
  START,
} from './support/paper-log.ts';

/**
 * Random logs of two roles, and entries among them that a user with the rights of role `r` can write. What is not
 * forged here is the plain result message, which says itself whom it is from: docs/brokers.md tells of that gap.
 */

const YEAR_2200 = Date.UTC(2200, 0, 1);
const IDS = { r: ['r0', 'r1', 'r2'], s: ['s0', 's1', 's2'] } as const;
type Role = keyof typeof IDS;

const anyRole = fc.constantFrom<Role>('r', 's');
const anyId = fc.constantFrom(...IDS.r, ...IDS.s, 'new0', 'new1');
const anyMoment = fc.constantFrom(0, START - MINUTE, START, START + MINUTE, START + 60 * MINUTE, YEAR_2200, 9e15, -1);
const anyAttempt = fc.constantFrom(0, 1, 2, 3);

const anyTask = fc.record({
  id: anyId,
  envelope: fc.tuple(anyId, anyRole).map(([id, role]) => envelope(id, role)),
  submitted_at: anyMoment,
  updated_at: anyMoment,
  attempts: fc.constantFrom<unknown[][]>([], [{ number: 1, worker: 'r-1', started_at: START }], [null]),
  forgiven: fc.constantFrom(0, 1),
  refused: fc.constant(0),
  status: fc.constantFrom('queued', 'working', 'failed', 'completed'),
  ready_at: anyMoment,
  lease: fc.record({ attempt: anyAttempt, worker: fc.constant('r-1'), expires_at: anyMoment }),
  failed_at: anyMoment,
  reason: fc.constant('no'),
});

/** A whole and coherent task, which is the most that a forger can hope to be believed. */
const coherentTask = fc.tuple(anyId, anyRole).map(([id, role]) => ({
  id,
  envelope: envelope(id, role),
  submitted_at: START,
  updated_at: START,
  attempts: [],
  forgiven: 0,
  refused: 0,
  status: 'queued',
  ready_at: START,
}));

const anyEvent = fc
  .record({
    v: fc.constantFrom(1, 1, 1, 2),
    type: fc.constantFrom(...WORKER_SUBJECTS, 'submitted', 'cancelled', 'retried'),
    task_id: anyId,
    at: anyMoment,
    attempt: anyAttempt,
    worker: fc.constantFrom('r-1', 's-1'),
    by: fc.constantFrom('r', 's', 'r-1', 's-1'),
    expires_at: anyMoment,
    retry_at: fc.option(anyMoment),
    final: fc.boolean(),
    reason: fc.constant('forged'),
    command: fc.constant('complete'),
    artifacts: fc.constant([]),
    max_attempts: fc.option(fc.constantFrom(-1, 0, 0.5, 2), { nil: undefined }),
    task: fc.oneof(anyTask, coherentTask),
  })
  .chain((event) => anyRole.map((role) => ({ ...event, envelope: envelope(event.task_id, role) })));

const carriedEvent = coherentTask.map((task) => ({ v: 1, type: 'carried', task_id: task.id, at: START, task }));

const anyNote = fc.record(
  {
    seen: fc.record({ worker: fc.constant('ghost'), role: anyRole }),
    announced: fc.tuple(anyId, fc.nat(60)).map(([id, n]) => `${id}/e${n}`),
    away: fc.record({ from: anyMoment, to: anyMoment }),
    after: fc.constantFrom(-1, 0, 5, 1e9),
    role: anyRole,
    skip: fc.nat(40),
  },
  { requiredKeys: [] },
);

const anyBody = fc
  .tuple(anyMoment, fc.array(fc.oneof(anyEvent, carriedEvent), { maxLength: 2 }), anyNote, fc.subarray(['r', 's']))
  .map(([at, events, note, roles]) => ({ v: 1, at, events, roles, ...note }));

/** An entry whose key says what it holds, so that it comes further than most. */
const fitting = anyBody.map((body): Forged => {
  const [first] = body.events;
  const type = first ? first.type : 'note';
  const subject = type === 'submitted' ? 'found' : type;
  return { key: `agentq.event.${WORKER_SUBJECTS.includes(subject) ? subject : 'note'}.r`, body };
});

const headers = fc.record(
  {
    'agentq-version': fc.constantFrom(1, 2),
    'agentq-at': anyMoment,
    'agentq-sent-at': anyMoment,
    'agentq-due-at': anyMoment,
    'agentq-max-attempts': fc.constantFrom(-1, 0, 0.5, 1e300),
  },
  { requiredKeys: [] },
);

const announcement = fc.tuple(anyId, fc.nat(60), headers).map(([id, n, more]): Forged => {
  const body = { task_id: id, from: 'r', to: 'lead', status: 'completed' };
  return { key: 'results.lead', body, headers: { ...more, 'agentq-announces': `${id}/e${n}` } };
});

const delayed = fc.tuple(anyId, headers).map(([id, more]): Forged => {
  const key = `agentq.delay.${'0.'.repeat(23)}r.normal`;
  return { key, exchange: names.due, body: envelope(id, 'r'), headers: more };
});

const forged: fc.Arbitrary<Forged> = fc.oneof(
  { weight: 6, arbitrary: fitting },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...WORKER_SUBJECTS), fc.oneof(anyBody, fc.json(), fc.string()), headers)
      .map(([subject, body, more]): Forged => ({ key: `agentq.event.${subject}.r`, body, headers: more })),
  },
  { weight: 2, arbitrary: anyBody.map((body): Forged => ({ key: 'agentq.event.note', body })) },
  { weight: 1, arbitrary: announcement },
  { weight: 1, arbitrary: delayed },
);

/** What an honest agentq does next. */
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
  const spoken = { by: `${role}-1`, attempt: task?.attempts.at(-1)?.number };
  if (!task) return { type: 'submit', envelope: envelope(id, role, { ttl_seconds: 3_600 }) };
  const commands: readonly Command[] = [
    { type: 'claim', worker: `${role}-1`, lease },
    { type: 'renew', lease, ...spoken },
    { type: 'complete', artifacts: [], ...spoken },
    { type: 'fail', reason: 'no', artifacts: [], ...spoken },
    { type: 'cancel', by: 'lead' },
    { type: 'retry', by: 'lead' },
    { type: 'elapse' },
  ];
  return commands[what]!;
}

/** The same honest steps written to two logs, and the forged ones to one of them. */
class TwoLogs {
  readonly clean = new PaperLog();
  readonly hostile = new PaperLog();
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

  /** Something that says its time comes after what does not. */
  end(): void {
    this.both((log) => log.note({}));
  }

  /** A coordinator says again what is open of role s. */
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

  both(write: (log: PaperLog) => void): void {
    write(this.clean);
    write(this.hostile);
  }
}

const runs = { numRuns: 60 };

test('entries forged under the rights of one role change no task of another', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { clean, hostile } = new TwoLogs(steps);
      const [untouched, attacked] = [reading(clean), reading(hostile)];
      const honest = untouched.tasksOf('s');
      expect(attacked.tasksOf('s').filter(({ id }) => honest.some((task) => task.id === id))).toEqual(honest);
      expect(attacked.tasksOf('s')).toHaveLength(honest.length);
      const historyOf = ({ cache }: Machine) =>
        cache.db.all("SELECT body FROM event JOIN task ON n = task WHERE role = 's' ORDER BY id, seq");
      expect(historyOf(attacked)).toEqual(historyOf(untouched));
      expect(attacked.cache.db.all("SELECT * FROM worker WHERE role = 's'")).toEqual([]);
    }),
    runs,
  );
});

test('a cache that came along and one that is new agree', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(fc.nat(5), { maxLength: 20 }), (steps, parts) => {
      const { hostile } = new TwoLogs(steps);
      const whole = reading(hostile);
      const growing = new Machine();
      for (const part of parts) growing.fold(hostile.from(growing.cache.position().last + 1).slice(0, part));
      growing.read(hostile);
      for (const table of ['task', 'event', 'ending', 'hearsay', 'role_clock', 'role_silence', 'passed_over', 'worker'])
        expect(growing.cache.db.all(`SELECT * FROM ${table}`), table).toEqual(
          whole.cache.db.all(`SELECT * FROM ${table}`),
        );
    }),
    runs,
  );
});

test('a cache that begins later in the log agrees on another role once a coordinator has spoken', () => {
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
