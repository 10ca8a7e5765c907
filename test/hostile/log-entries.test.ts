import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FORMAT } from '../../src/backend/amqp/wire/message/format.ts';
import type { Event } from '../../src/core/task/event.ts';
import type { Task } from '../../src/core/task/task.ts';
import {
  envelope,
  type Forged,
  Machine,
  MINUTE,
  PaperLog,
  queued,
  reading,
  SECOND,
  START,
} from './support/paper-log.ts';

/** What the workers of role `r` may write, against tasks of role `s`. */

const YEAR_2200 = Date.UTC(2200, 0, 1);

const entry = (more: object = {}) => ({ v: 1, at: START, roles: [], events: [], ...more });

const claimedEvent = (task_id: string, more: object = {}) => ({
  v: 1,
  type: 'claimed',
  task_id,
  at: START,
  attempt: 1,
  worker: 'r-1',
  expires_at: START + MINUTE,
  ...more,
});

const carried = (task: { id: string }, more: object = {}, event: object = {}) =>
  entry({
    events: [{ v: 1, type: 'carried', task_id: task.id, at: START, task, ...event }],
    roles: ['r'],
    after: 0,
    ...more,
  });

/** Two tasks of each role, one of each held by a worker. */
function aLog(): PaperLog {
  const log = new PaperLog();
  for (const role of ['r', 's']) {
    log.submit(`${role}-held`, role);
    log.submit(`${role}-open`, role);
    log.claim(`${role}-held`, role);
  }
  log.now += SECOND;
  return log;
}

const reasons = ({ cache }: Machine) =>
  cache.db.all<{ reason: string }>('SELECT reason FROM passed_over').map(({ reason }) => reason);

describe('a body that is a bomb is passed over before it is parsed', () => {
  const MIB = 1024 * 1024;
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
  /** With another length at its end. */
  const shortened = (body: Buffer) => Buffer.concat([body.subarray(0, -4), Buffer.from([0, 1, 0, 0])]);
  const inBody = (extra: string) => `{"v":1,"at":${START},"roles":[],"events":[],"x":${extra}}`;

  const bombs: Readonly<Record<string, readonly [body: Buffer | string, reason: RegExp]>> = {
    'zeros in an array, compressed': [gzipSync(inBody(`[${'0,'.repeat(40 * MIB)}0]`)), /longer than 16 MiB/],
    'whitespace, compressed': [gzipSync(Buffer.alloc(200 * MIB, ' ')), /longer than 16 MiB/],
    'whitespace, compressed, that says that it is short': [
      shortened(gzipSync(Buffer.alloc(200 * MIB, ' '))),
      /longer than its header says/,
    ],
    'whitespace, plain': [Buffer.alloc(17 * MIB, ' '), /longer than 16 MiB/],
    'many values': [inBody(`[${'0,'.repeat(600_000)}0]`), /more than 500000 values/],
    'many empty objects': [inBody(`[${'{},'.repeat(300_000)}0]`), /more than 500000 values/],
    'many keys': [
      inBody(`{${Array.from({ length: 600_000 }, (_, n) => `"k${n}":0`).join()}}`),
      /more than 500000 values/,
    ],
    'many events': [`{"v":1,"at":0,"roles":[],"events":[${'0,'.repeat(1_000)}0]}`, /more than 100 events/],
    'arrays in arrays': [inBody(deep(5_000)), /nested more than 100 levels/],
    'objects in objects': [inBody('{"a":'.repeat(5_000) + '0' + '}'.repeat(5_000)), /nested more than 100 levels/],
    'brackets that are never closed': ['['.repeat(10 * MIB), /nested more than 100 levels/],
    'a long string': [inBody(`"${'x'.repeat(2 * MIB)}"`), /string of more than/],
    'a string that is never closed': [`{"v":"${'\\"'.repeat(MIB)}`, /string of more than/],
  };

  for (const [what, [body, reason]] of Object.entries(bombs)) {
    test(what, () => {
      const log = aLog();
      const before = reading(log).tasks();
      const compressed = typeof body !== 'string' && body[0] === 0x1f;
      for (const key of ['agentq.event.note', 'agentq.event.renewed.r', 'results.lead']) {
        log.forge({ key, body, ...(compressed && { contentEncoding: 'gzip' }) });
      }
      const machine = reading(log);
      expect(machine.tasks()).toEqual(before);
      const given = reasons(machine);
      expect(given).toHaveLength(3);
      for (const one of given.slice(0, 2)) expect(one).toMatch(reason);
    });
  }

  test('and what looks like one and is none is read', () => {
    const log = aLog();
    log.forge({ key: 'agentq.event.note', body: inBody(deep(90)) });
    log.forge({ key: 'agentq.event.note', body: inBody(JSON.stringify('[{,"\\'.repeat(50_000))) });
    expect(reasons(reading(log))).toEqual([]);
  });

  test('and a batch of a coordinator may be larger', () => {
    const log = new PaperLog();
    const submits = Array.from({ length: 20_000 }, (_, n): Event => {
      const task_id = `t${n}`;
      const long = envelope(task_id, 's', { instructions: 'x'.repeat(1_000) });
      return { v: 1, type: 'submitted', task_id, at: START, envelope: long };
    });
    log.note({ events: submits, roles: ['s'] });
    const machine = reading(log);
    expect(reasons(machine)).toEqual([]);
    expect(machine.cache.db.get('SELECT count(*) AS n FROM tasks')).toEqual({ n: 20_000 });
  });
});

describe('an entry that says that a newer agentq wrote it', () => {
  const keys = ['agentq.event.note', 'agentq.event.claimed.r', 'agentq.event.carried.r', 'results.lead'];
  const ways: Readonly<Record<string, Partial<Forged>>> = {
    'in a header': { body: entry(), headers: { 'agentq-version': FORMAT + 1 } },
    'in its body': { body: entry({ v: FORMAT + 1 }) },
    'in an event': { body: entry({ events: [{ ...claimedEvent('s-open'), v: 2 }] }) },
    'by a type of event': { body: entry({ events: [{ ...claimedEvent('s-open'), type: 'blessed' }] }) },
  };

  describe.for(keys)('under the key %s', (key) => {
    test.for(Object.entries(ways))('%s: is passed over, and its sender is known', ([, forged]) => {
      const log = aLog();
      const before = reading(log).tasks();
      log.forge({ key, body: '', userId: 'agentq-r', ...forged });
      log.submit('after', 's');
      const machine = reading(log);
      expect(machine.tasks().filter(({ id }) => id !== 'after')).toEqual(before);
      expect(machine.task('after')).toMatchObject({ status: 'queued' });
      expect(machine.cache.db.all('SELECT offset, key, user FROM passed_over')).toEqual([
        { offset: log.length - 2, key, user: 'agentq-r' },
      ]);
    });
  });

  test.for(['agentq.event.submitted.s', 'agentq.event.cancelled.s', 'agentq.work.s.normal'])(
    'is believed under a key of coordinators: %s',
    (key) => {
      const log = aLog();
      log.forge({ key, body: entry(), headers: { 'agentq-version': FORMAT + 1 } });
      expect(log.from(log.length - 1)[0]!.read(0)).toMatchObject({ kind: 'newer' });
    },
  );

  test('is believed under a key of coordinators that nobody knows, for a type of event that nobody knows', () => {
    const log = aLog();
    const event = { v: 1, type: 'blessed', about: { kind: 'wish', id: 'x' }, at: log.now };
    log.forge({ key: 'agentq.event.blessed', body: entry({ events: [event] }) });
    expect(log.from(log.length - 1)[0]!.read(0)).toMatchObject({ kind: 'newer' });
  });
});

describe('an open task that is said again', () => {
  test.for<[string, (log: PaperLog) => Forged]>([
    ['of another role', () => ({ key: 'agentq.event.carried.r', body: carried(queued('s-open', 's')) })],
    ['given to the own role', () => ({ key: 'agentq.event.carried.r', body: carried(queued('s-open', 'r')) })],
    [
      'with an envelope of the own role and the id of another',
      () => ({ key: 'agentq.event.carried.r', body: carried(queued('r-x', 'r', { id: 's-open' })) }),
    ],
    [
      'under another id than its task has',
      () => ({
        key: 'agentq.event.carried.r',
        body: carried(queued('r-x', 'r'), {}, { task_id: 's-open' }),
      }),
    ],
    [
      'as a second event',
      () => ({
        key: 'agentq.event.carried.r',
        body: entry({
          events: ['r-y', 's-open'].map((id) => ({
            v: 1,
            type: 'carried',
            task_id: id,
            at: START,
            task: queued(id, id === 's-open' ? 's' : 'r'),
          })),
        }),
      }),
    ],
  ])('by one who may not changes nothing on a machine that knows it: %s', ([, forged]) => {
    const log = aLog();
    const before = reading(log).tasksOf('s');
    log.forge(forged(log));
    expect(reading(log).tasksOf('s')).toEqual(before);
  });

  test.for<[string, object, object]>([
    ['after what comes later', {}, { after: 1e6 }],
    ['of no status', { status: 'blessed' }, {}],
    ['that has ended', { status: 'cancelled', cancelled_at: START, by: 'r' }, {}],
    ['with attempts that are none', { attempts: [null] }, {}],
    ['with a lease of an attempt that there is not', { status: 'working', lease: { attempt: 7 } }, {}],
    ['at a moment that is no date', { ready_at: 9e15 }, {}],
    ['with an envelope for another task', { envelope: envelope('other', 'r') }, {}],
    ['with a context outside of the store', { context: { name: 'c', path: '../x', sha256: '', size: 0 } }, {}],
    ['with a name that is none', { envelope: { ...envelope('new', 'r'), reply_to: '../x' } }, {}],
  ])('teaches nobody anything where it is not as it must be: %s', ([, task, more]) => {
    const log = aLog();
    log.forge({ key: 'agentq.event.carried.r', body: carried(queued('new', 'r', task), more) });
    expect(reading(log).task('new')).toBeUndefined();
  });

  /** A log that begins for new machines after the submit of `x`, which then is told of by both roles. */
  function forgotten() {
    const log = new PaperLog();
    log.submit('x', 's');
    const start = log.length;
    log.submit('other', 's');
    log.now += MINUTE;
    return { log, start, genuine: reading(log).task('x')! };
  }

  const carry = (log: PaperLog, task: Task, under: { role?: null } = {}) => {
    const event = { v: 1, type: 'carried', task_id: task.id, at: log.now, task } as const;
    log.note({ events: [event], roles: [task.envelope.to], after: log.length - 1 }, under);
  };

  const forgery = { key: 'agentq.event.carried.r', body: carried(queued('x', 'r')) };

  test('stays with its role where the forgery comes later', () => {
    const { log, start, genuine } = forgotten();
    carry(log, genuine);
    log.forge(forgery);
    expect(reading(log, start).task('x')).toEqual(genuine);
    expect(reading(log).task('x')).toEqual(genuine);
  });

  test('goes back to its role where a coordinator says it after the forgery', () => {
    const { log, start, genuine } = forgotten();
    log.forge(forgery);
    log.claim('x', 'r');
    carry(log, genuine, { role: null });
    const [fresh, old] = [reading(log, start), reading(log)];
    expect(fresh.task('x')).toEqual(genuine);
    expect(old.task('x')).toEqual(genuine);
    log.claim('x', 's');
    log.claim('x', 'r', MINUTE, 2);
    expect(fresh.read(log).task('x')).toEqual(old.read(log).task('x'));
    expect(fresh.task('x')).toMatchObject({ status: 'working', lease: { worker: 's-1' } });
  });

  test('is learned though another role speaks of it all the time', () => {
    const { log, start, genuine } = forgotten();
    log.claim('x', 'r');
    const event = { v: 1, type: 'carried', task_id: 'x', at: log.now, task: genuine } as const;
    const after = log.length - 2;
    log.note({ events: [event], roles: ['s'], after });
    expect(reading(log, start).task('x')).toEqual(genuine);
  });

  test('is not learned in a state that the log has changed since', () => {
    const { log, start, genuine } = forgotten();
    const after = log.length - 1;
    log.claim('x', 's');
    const event = { v: 1, type: 'carried', task_id: 'x', at: log.now, task: genuine } as const;
    log.note({ events: [event], roles: ['s'], after });
    expect(reading(log, start).task('x')).toBeUndefined();
  });

  for (const [what, key, type] of [
    ['carried', 'agentq.event.carried.r', 'carried'],
    ['found', 'agentq.event.found.r', 'submitted'],
  ] as const) {
    test(`and was made up keeps no coordinator from using its id: ${what}`, () => {
      const log = aLog();
      const body =
        type === 'carried'
          ? carried(queued('x', 'r'))
          : entry({ roles: ['r'], events: [{ v: 1, type, task_id: 'x', at: START, envelope: envelope('x', 'r') }] });
      log.forge({ key, body });
      expect(reading(log).task('x')).toMatchObject({ envelope: { to: 'r' } });
      log.submit('x', 's');
      expect(reading(log).task('x')).toMatchObject({ status: 'queued', envelope: { to: 's' }, submitted_at: log.now });
    });
  }
});

describe('a time that one role says', () => {
  const holdsAfter = (log: PaperLog, silence: number) => {
    const from = log.now;
    log.now += silence;
    log.note({ away: { from, to: log.now }, role: 's' }, { role: 's' });
    const task = reading(log).task('s-held')!;
    return task.status === 'working' ? task.lease.expires_at - (START + 5 * MINUTE) : undefined;
  };

  test('does not move the leases of another in an outage', () => {
    expect(holdsAfter(aLog(), 3 * MINUTE)).toBe(3 * MINUTE);
    for (const at of [YEAR_2200, 0]) {
      const log = aLog();
      for (const key of ['agentq.event.note', 'agentq.event.note.r'])
        log.forge({ key, body: entry({ at, role: 'r' }) });
      expect(holdsAfter(log, 3 * MINUTE)).toBe(3 * MINUTE);
    }
  });

  test('said for the time of an outage does not shorten it for another', () => {
    const log = aLog();
    for (let n = 0; n < 180; n++) {
      const at = log.now + n * SECOND;
      for (const key of ['agentq.event.note', 'agentq.event.note.r'])
        log.forge({ key, body: entry({ at, role: 'r' }) });
    }
    expect(holdsAfter(log, 3 * MINUTE)).toBe(3 * MINUTE);
  });

  test('is put right by the next word of a coordinator', () => {
    const log = aLog();
    const note = entry({ at: YEAR_2200, role: 'r', seen: { worker: 'w', role: 'r' } });
    log.forge({ key: 'agentq.event.note.r', body: note });
    log.now += SECOND;
    log.submit('later', 's');
    const { cache } = reading(log);
    expect(cache.position().at).toBe(log.now);
    expect(cache.db.all('SELECT role, at FROM role_clock WHERE at > ?', log.now)).toEqual([]);
    expect(cache.db.all('SELECT name FROM workers WHERE seen_at > ?', log.now)).toEqual([]);
  });

  test.for(['agentq.event.note', 'agentq.event.note.r', 'agentq.event.note.r.s'])(
    'lengthens no lease of another by an outage that it tells of: %s',
    (key) => {
      const log = aLog();
      const before = reading(log).tasksOf('s');
      const week = 7 * 24 * 60 * MINUTE;
      for (let n = 1; n <= 3; n++) {
        const to = log.now + n * week;
        log.forge({ key, body: entry({ at: to, away: { from: to - week, to } }) });
        log.forge({ key, body: entry({ at: to, role: 's', away: { from: to - week, to } }) });
      }
      if (key !== 'agentq.event.note.r.s') expect(reading(log).tasksOf('s')).toEqual(before);
    },
  );

  test('lengthens a lease of the own role by no more than the log was silent', () => {
    const log = aLog();
    log.now += MINUTE;
    log.submit('x', 's');
    log.now += MINUTE;
    log.note({ away: { from: START, to: log.now }, role: 'r' }, { role: 'r' });
    const task = reading(log).task('r-held')!;
    if (task.status !== 'working') throw new Error(task.status);
    expect(task.lease.expires_at).toBeLessThanOrEqual(START + 5 * MINUTE + log.now - START);
    log.note({ away: { from: START, to: log.now }, role: 'r' }, { role: 'r' });
    expect(reading(log).task('r-held')).toEqual(task);
  });

  test('does not make a delayed task of another due', () => {
    const log = aLog();
    const event = {
      v: 1,
      type: 'submitted',
      task_id: 's-later',
      at: log.now,
      envelope: envelope('s-later', 's'),
    } as const;
    log.note({ events: [{ ...event, due_at: log.now + MINUTE }], roles: ['s'] });
    const key = `agentq.delay.${'0.'.repeat(23)}r.normal`;
    const headers = { 'agentq-version': 1, 'agentq-due-at': YEAR_2200 };
    log.forge({ key, exchange: 'agentq.due', headers, body: envelope('s-later', 'r') });
    expect(reading(log).task('s-later')).toMatchObject({ status: 'scheduled' });
  });
});

describe('what one role says of others', () => {
  test.for([
    ['agentq.event.note', { seen: { worker: 'ghost', role: 's' } }],
    ['agentq.event.note.r', { seen: { worker: 'ghost', role: 's' } }],
    ['agentq.event.note', { seen: { worker: 'ghost', role: 'r' } }],
  ] as const)('is no presence: %s', ([key, note]) => {
    const log = aLog();
    log.forge({ key, body: entry(note) });
    expect(reading(log).cache.db.all('SELECT * FROM workers')).toEqual([]);
  });

  test('is a presence where it is of the role of its key', () => {
    const log = aLog();
    log.forge({ key: 'agentq.event.note.r', body: entry({ seen: { worker: 'w', role: 'r' } }) });
    expect(reading(log).cache.db.all('SELECT * FROM workers')).toEqual([{ name: 'w', role: 'r', seen_at: START }]);
  });

  test('announces no end of a task of another', () => {
    const log = aLog();
    log.happen('s', { v: 1, type: 'completed', task_id: 's-held', at: log.now, attempt: 1, by: 's-1', artifacts: [] });
    const ending = () =>
      reading(log).cache.db.get<{ id: string; announced: number }>('SELECT id, announced FROM ending')!;
    const { id: announced } = ending();
    const result = { task_id: 's-held', from: 's', to: 'lead', status: 'completed' };
    for (const key of ['agentq.event.note', 'agentq.event.note.r', 'agentq.event.renewed.r'])
      log.forge({ key, body: entry({ announced }) });
    log.forge({ key: 'results.other', body: result, headers: { 'agentq-announces': announced } });
    log.forge({
      key: 'results.lead',
      body: { ...result, task_id: 'r-held' },
      headers: { 'agentq-announces': announced },
    });
    expect(ending()).toEqual({ id: announced, announced: 0 });
    log.note({ announced }, { role: 's' });
    expect(ending()).toEqual({ id: announced, announced: 1 });
  });
});

describe('a number of attempts in a header', () => {
  for (const value of [-1, 0, 0.5, 1e300, 1e15, NaN, '3', null, {}]) {
    test(`is ignored where it can be none: ${JSON.stringify(value)}`, () => {
      const log = new PaperLog();
      const headers = { 'agentq-version': 1, 'agentq-at': START, 'agentq-max-attempts': value };
      log.forge({ key: 'agentq.work.s.normal', body: envelope('a', 's'), headers });
      const machine = reading(log);
      expect(machine.task('a')).toMatchObject({ status: 'queued' });
      expect(machine.task('a')).not.toHaveProperty('max_attempts');
    });
  }

  test('counts where it is one', () => {
    const log = new PaperLog();
    log.submit('a', 's', {}, 7);
    expect(reading(log).task('a')).toMatchObject({ max_attempts: 7 });
  });

  for (const value of [-1, 0]) {
    test(`is refused in an event: ${value}`, () => {
      const log = aLog();
      const event = {
        v: 1,
        type: 'submitted',
        task_id: 'x',
        at: START,
        envelope: envelope('x', 'r'),
        max_attempts: value,
      };
      log.forge({ key: 'agentq.event.found.r', body: entry({ roles: ['r'], events: [event] }) });
      expect(reading(log).task('x')).toBeUndefined();
    });
  }
});

describe('what older programs have left', () => {
  /** As they write a claim and an outage: neither says for which role its writer works. */
  function outageOf(log: PaperLog, key: string): void {
    const body = (more: object) => entry({ at: log.now, ...more });
    log.submit('a', 's');
    const claim = claimedEvent('a', { at: log.now, worker: 's-1', expires_at: log.now + 5 * MINUTE });
    log.forge({ key: 'agentq.event.claimed.s', body: body({ roles: ['s'], events: [claim] }) });
    const from = log.now;
    log.now += 3 * MINUTE;
    log.forge({ key, body: body({ away: { from, to: log.now } }) });
  }

  test('moves leases in an outage as it did, while no newer program works for the role', () => {
    const log = new PaperLog();
    outageOf(log, 'agentq.event.note');
    expect(reading(log).task('a')).toMatchObject({ lease: { expires_at: START + 8 * MINUTE } });
    const newer = new PaperLog();
    newer.note({ role: 's' }, { role: 's' });
    outageOf(newer, 'agentq.event.note');
    expect(reading(newer).task('a')).toMatchObject({ lease: { expires_at: START + 5 * MINUTE } });
  });

  for (const version of [1, 99]) {
    test(`is a cache, which is made anew where its schema is ${version}`, () => {
      const machine = new Machine();
      const log = aLog();
      machine.read(log);
      machine.cache.db.execute(`PRAGMA user_version = ${version}; DROP TABLE entry`);
      machine.cache.close();
      expect(machine.read(log).tasks()).toEqual(reading(log).tasks());
    });
  }

  test('is a time of the year 2200 that was believed', () => {
    const machine = new Machine();
    const log = aLog();
    machine.read(log);
    machine.cache.db.run('UPDATE log SET at = ?', YEAR_2200);
    log.submit('later', 's');
    expect(machine.read(log).cache.position().at).toBe(log.now);
  });
});
