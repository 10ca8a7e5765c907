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
  MemoryLog,
  queued,
  reading,
  SECOND,
  START,
} from './support/memory-log.ts';

/** Entries that the workers of role `r` may write, with an attack on tasks of role `s`. */

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

/** Two tasks of each role; a worker of the role holds one of them. */
function twoRoles(): MemoryLog {
  const log = new MemoryLog();
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

describe('an oversized body is skipped before it is parsed:', () => {
  const MIB = 1024 * 1024;
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
  /** Replaces the length at the end of a gzip body. */
  const shortened = (body: Buffer) => Buffer.concat([body.subarray(0, -4), Buffer.from([0, 1, 0, 0])]);
  const inBody = (extra: string) => `{"v":1,"at":${START},"roles":[],"events":[],"x":${extra}}`;

  const bombs: Readonly<Record<string, readonly [body: Buffer | string, reason: RegExp]>> = {
    'zeros in an array, compressed': [gzipSync(inBody(`[${'0,'.repeat(40 * MIB)}0]`)), /longer than 16 MiB/],
    'whitespace, compressed': [gzipSync(Buffer.alloc(200 * MIB, ' ')), /longer than 16 MiB/],
    'whitespace, compressed, with a small length in the header': [
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
    'unclosed brackets': ['['.repeat(10 * MIB), /nested more than 100 levels/],
    'a long string': [inBody(`"${'x'.repeat(2 * MIB)}"`), /string of more than/],
    'an unclosed string': [`{"v":"${'\\"'.repeat(MIB)}`, /string of more than/],
  };

  for (const [what, [body, reason]] of Object.entries(bombs)) {
    test(what, () => {
      const log = twoRoles();
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

  test('a body that is within the limits is read', () => {
    const log = twoRoles();
    log.forge({ key: 'agentq.event.note', body: inBody(deep(90)) });
    log.forge({ key: 'agentq.event.note', body: inBody(JSON.stringify('[{,"\\'.repeat(50_000))) });
    expect(reasons(reading(log))).toEqual([]);
  });

  test('a batch of a coordinator may be larger', () => {
    const log = new MemoryLog();
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

describe('an entry with a newer version', () => {
  const keys = ['agentq.event.note', 'agentq.event.claimed.r', 'agentq.event.carried.r', 'results.lead'];
  const ways: Readonly<Record<string, Partial<Forged>>> = {
    'in a header': { body: entry(), headers: { 'agentq-version': FORMAT + 1 } },
    'in its body': { body: entry({ v: FORMAT + 1 }) },
    'in an event': { body: entry({ events: [{ ...claimedEvent('s-open'), v: 2 }] }) },
    'with an unknown type of event': { body: entry({ events: [{ ...claimedEvent('s-open'), type: 'unknown' }] }) },
  };

  describe.for(keys)('under the key %s', (key) => {
    test.for(Object.entries(ways))('%s: is skipped, and its sender is recorded', ([, forged]) => {
      const log = twoRoles();
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
    'stops the reader under a key of coordinators: %s',
    (key) => {
      const log = twoRoles();
      log.forge({ key, body: entry(), headers: { 'agentq-version': FORMAT + 1 } });
      expect(log.from(log.length - 1)[0]!.read(0)).toMatchObject({ kind: 'newer' });
    },
  );

  test('stops the reader under an unknown key, for an unknown type of event', () => {
    const log = twoRoles();
    const event = { v: 1, type: 'unknown', about: { kind: 'other', id: 'x' }, at: log.now };
    log.forge({ key: 'agentq.event.unknown', body: entry({ events: [event] }) });
    expect(log.from(log.length - 1)[0]!.read(0)).toMatchObject({ kind: 'newer' });
  });
});

describe('a repeated open task', () => {
  test.for<[string, (log: MemoryLog) => Forged]>([
    ['of another role', () => ({ key: 'agentq.event.carried.r', body: carried(queued('s-open', 's')) })],
    ['with the own role as its role', () => ({ key: 'agentq.event.carried.r', body: carried(queued('s-open', 'r')) })],
    [
      'with an envelope of the own role and the id of another',
      () => ({ key: 'agentq.event.carried.r', body: carried(queued('r-x', 'r', { id: 's-open' })) }),
    ],
    [
      'under another id than the id of its task',
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
  ])('from a worker without permission changes nothing on a machine that knows the task: %s', ([, forged]) => {
    const log = twoRoles();
    const before = reading(log).tasksOf('s');
    log.forge(forged(log));
    expect(reading(log).tasksOf('s')).toEqual(before);
  });

  test.for<[string, object, object]>([
    ['after a later entry', {}, { after: 1e6 }],
    ['with an unknown status', { status: 'unknown' }, {}],
    ['that has ended', { status: 'cancelled', cancelled_at: START, by: 'r' }, {}],
    ['with invalid attempts', { attempts: [null] }, {}],
    ['with a lease of a missing attempt', { status: 'working', lease: { attempt: 7 } }, {}],
    ['with an invalid time', { ready_at: 9e15 }, {}],
    ['with an envelope for another task', { envelope: envelope('other', 'r') }, {}],
    ['with a context outside of the store', { context: { name: 'c', path: '../x', sha256: '', size: 0 } }, {}],
    ['with an invalid name', { envelope: { ...envelope('new', 'r'), reply_to: '../x' } }, {}],
  ])('is ignored if it is invalid: %s', ([, task, more]) => {
    const log = twoRoles();
    log.forge({ key: 'agentq.event.carried.r', body: carried(queued('new', 'r', task), more) });
    expect(reading(log).task('new')).toBeUndefined();
  });

  /** A log that begins for new machines after the submit of `x`. Both roles then write entries about `x`. */
  function withoutSubmit() {
    const log = new MemoryLog();
    log.submit('x', 's');
    const start = log.length;
    log.submit('other', 's');
    log.now += MINUTE;
    return { log, start, genuine: reading(log).task('x')! };
  }

  const carry = (log: MemoryLog, task: Task, under: { role?: null } = {}) => {
    const event = { v: 1, type: 'carried', task_id: task.id, at: log.now, task } as const;
    log.note({ events: [event], roles: [task.envelope.to], after: log.length - 1 }, under);
  };

  const forgery = { key: 'agentq.event.carried.r', body: carried(queued('x', 'r')) };

  test('keeps its role if the forged entry comes later', () => {
    const { log, start, genuine } = withoutSubmit();
    carry(log, genuine);
    log.forge(forgery);
    expect(reading(log, start).task('x')).toEqual(genuine);
    expect(reading(log).task('x')).toEqual(genuine);
  });

  test('gets its role back if a coordinator repeats it after the forged entry', () => {
    const { log, start, genuine } = withoutSubmit();
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

  test('is accepted while another role writes entries about it', () => {
    const { log, start, genuine } = withoutSubmit();
    log.claim('x', 'r');
    const event = { v: 1, type: 'carried', task_id: 'x', at: log.now, task: genuine } as const;
    const after = log.length - 2;
    log.note({ events: [event], roles: ['s'], after });
    expect(reading(log, start).task('x')).toEqual(genuine);
  });

  test('is not accepted in a state that the log has changed since', () => {
    const { log, start, genuine } = withoutSubmit();
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
    test(`that was invented does not block its id for coordinators: ${what}`, () => {
      const log = twoRoles();
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

describe('a time in an entry of one role', () => {
  const holdsAfter = (log: MemoryLog, silence: number) => {
    const from = log.now;
    log.now += silence;
    log.note({ away: { from, to: log.now }, role: 's' }, { role: 's' });
    const task = reading(log).task('s-held')!;
    return task.status === 'working' ? task.lease.expires_at - (START + 5 * MINUTE) : undefined;
  };

  test('does not extend the leases of another role in an outage', () => {
    expect(holdsAfter(twoRoles(), 3 * MINUTE)).toBe(3 * MINUTE);
    for (const at of [YEAR_2200, 0]) {
      const log = twoRoles();
      for (const key of ['agentq.event.note', 'agentq.event.note.r'])
        log.forge({ key, body: entry({ at, role: 'r' }) });
      expect(holdsAfter(log, 3 * MINUTE)).toBe(3 * MINUTE);
    }
  });

  test('within an outage does not shorten the outage for another role', () => {
    const log = twoRoles();
    for (let n = 0; n < 180; n++) {
      const at = log.now + n * SECOND;
      for (const key of ['agentq.event.note', 'agentq.event.note.r'])
        log.forge({ key, body: entry({ at, role: 'r' }) });
    }
    expect(holdsAfter(log, 3 * MINUTE)).toBe(3 * MINUTE);
  });

  test('is corrected by the next entry of a coordinator', () => {
    const log = twoRoles();
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
    'extends no lease of another role by an invented outage: %s',
    (key) => {
      const log = twoRoles();
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

  test('extends a lease of the own role by no more than the silence of the log', () => {
    const log = twoRoles();
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

  test('does not make a delayed task of another role due', () => {
    const log = twoRoles();
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

describe('a note of one role', () => {
  test.for([
    ['agentq.event.note', { seen: { worker: 'ghost', role: 's' } }],
    ['agentq.event.note.r', { seen: { worker: 'ghost', role: 's' } }],
    ['agentq.event.note', { seen: { worker: 'ghost', role: 'r' } }],
  ] as const)('does not list a worker as present: %s', ([key, note]) => {
    const log = twoRoles();
    log.forge({ key, body: entry(note) });
    expect(reading(log).cache.db.all('SELECT * FROM workers')).toEqual([]);
  });

  test('lists a worker of the role of its key as present', () => {
    const log = twoRoles();
    log.forge({ key: 'agentq.event.note.r', body: entry({ seen: { worker: 'w', role: 'r' } }) });
    expect(reading(log).cache.db.all('SELECT * FROM workers')).toEqual([{ name: 'w', role: 'r', seen_at: START }]);
  });

  test('announces no end of a task of another role', () => {
    const log = twoRoles();
    log.append('s', { v: 1, type: 'completed', task_id: 's-held', at: log.now, attempt: 1, by: 's-1', artifacts: [] });
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
    test(`is ignored if it is invalid: ${JSON.stringify(value)}`, () => {
      const log = new MemoryLog();
      const headers = { 'agentq-version': 1, 'agentq-at': START, 'agentq-max-attempts': value };
      log.forge({ key: 'agentq.work.s.normal', body: envelope('a', 's'), headers });
      const machine = reading(log);
      expect(machine.task('a')).toMatchObject({ status: 'queued' });
      expect(machine.task('a')).not.toHaveProperty('max_attempts');
    });
  }

  test('is used if it is valid', () => {
    const log = new MemoryLog();
    log.submit('a', 's', {}, 7);
    expect(reading(log).task('a')).toMatchObject({ max_attempts: 7 });
  });

  for (const value of [-1, 0]) {
    test(`is refused in an event: ${value}`, () => {
      const log = twoRoles();
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

describe('data of older versions', () => {
  /** Writes a claim and an outage as older versions do: neither names the role of the worker. */
  function outageOf(log: MemoryLog, key: string): void {
    const body = (more: object) => entry({ at: log.now, ...more });
    log.submit('a', 's');
    const claim = claimedEvent('a', { at: log.now, worker: 's-1', expires_at: log.now + 5 * MINUTE });
    log.forge({ key: 'agentq.event.claimed.s', body: body({ roles: ['s'], events: [claim] }) });
    const from = log.now;
    log.now += 3 * MINUTE;
    log.forge({ key, body: body({ away: { from, to: log.now } }) });
  }

  test('extends leases in an outage as before, while no newer version works for the role', () => {
    const log = new MemoryLog();
    outageOf(log, 'agentq.event.note');
    expect(reading(log).task('a')).toMatchObject({ lease: { expires_at: START + 8 * MINUTE } });
    const newer = new MemoryLog();
    newer.note({ role: 's' }, { role: 's' });
    outageOf(newer, 'agentq.event.note');
    expect(reading(newer).task('a')).toMatchObject({ lease: { expires_at: START + 5 * MINUTE } });
  });

  for (const version of [1, 99]) {
    test(`in a cache is rebuilt if its schema version is ${version}`, () => {
      const machine = new Machine();
      const log = twoRoles();
      machine.read(log);
      machine.cache.db.execute(`PRAGMA user_version = ${version}; DROP TABLE entry`);
      machine.cache.close();
      expect(machine.read(log).tasks()).toEqual(reading(log).tasks());
    });
  }

  test('with a time in the year 2200 is corrected', () => {
    const machine = new Machine();
    const log = twoRoles();
    machine.read(log);
    machine.cache.db.run('UPDATE log SET at = ?', YEAR_2200);
    log.submit('later', 's');
    expect(machine.read(log).cache.position().at).toBe(log.now);
  });
});
