import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import { CopyOfCache } from '../../src/backend/amqp/snapshot/copy-of-cache.ts';
import { authorOf } from '../../src/backend/amqp/wire/author.ts';
import { keyWordOf } from '../../src/backend/amqp/wire/routing-key.ts';
import { createBackend } from '../../src/backend/open.ts';
import { Connection } from '../../src/backend/projection/connection.ts';
import { bellsIn, Doorbell } from '../../src/backend/projection/doorbell.ts';
import { databaseIn } from '../../src/backend/sqlite/create.ts';
import { storeSchema } from '../../src/backend/sqlite/schema.ts';
import { SqliteBackend } from '../../src/backend/sqlite/sqlite-backend.ts';
import type { Event } from '../../src/core/task/event.ts';
import type { LogEvent, LogRules } from '../../src/core/log/rules.ts';
import {
  type Counted,
  type Counter,
  counted,
  countingForms,
  countingLogRules,
  countingRules,
  SUCCESSOR,
} from '../core/counters.ts';
import { envelope, Machine, names, MemoryLog, START } from '../hostile/support/memory-log.ts';
import { cancel, complete, done, fail, retry, submit } from './contract/checked-requests.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';

const ROLE = 'coder';

/** A counter that no event begins: a machine that has not read its beginning does not know it. */
const refusingCounter = {
  ...countingRules.kinds.counter,
  evolve: (state: Counter | undefined, event: Counted) =>
    state ? countingRules.kinds.counter.evolve(state, event) : { state, refused: 'it does not exist' },
};

/** The things of the added kinds, with their events. */
function thingsIn(db: Connection): unknown {
  return {
    things: db.all('SELECT * FROM things ORDER BY kind, id'),
    events: db
      .all<{ kind: string; id: string; body: string }>('SELECT kind, id, body FROM thing_events ORDER BY kind, id, seq')
      .map(({ body, ...subject }) => ({ ...subject, body: JSON.parse(body) as unknown })),
  };
}

async function store(rules: LogRules): Promise<{ backend: SqliteBackend; db: Connection }> {
  const dir = scratchFolder();
  await createBackend(storeOptions(dir, { clock: () => START }));
  const db = Connection.open(databaseIn(dir), storeSchema);
  const backend = new SqliteBackend(db, new Doorbell(bellsIn(dir), 0o600), () => START, Math.random, rules);
  onTestFinished(() => backend.close());
  return { backend, db };
}

const completed = (id: string, attempt = 1): Event => ({
  v: 1,
  type: 'completed',
  task_id: id,
  at: START,
  attempt,
  by: 'w1',
  artifacts: [],
});
const failed = (id: string): Event => ({
  v: 1,
  type: 'attempt-failed',
  task_id: id,
  at: START,
  attempt: 1,
  by: 'w1',
  reason: 'no',
  artifacts: [],
  retry_at: null,
});

/** A log in which a role has completed four tasks, one of them twice. */
function fourCompletions(): MemoryLog {
  const log = new MemoryLog();
  for (const id of ['a', 'b', 'c', 'd']) log.submit(id, ROLE);
  log.append(ROLE, completed('a'));
  log.append(ROLE, completed('a'));
  log.append(ROLE, failed('b'));
  log.note({ events: [{ v: 1, type: 'retried', task_id: 'b', at: START, by: 'lead' }], roles: [ROLE] });
  log.append(ROLE, {
    v: 1,
    type: 'claimed',
    task_id: 'b',
    at: START,
    attempt: 2,
    worker: 'w1',
    expires_at: START + 1_000,
  });
  log.append(ROLE, completed('b', 2));
  log.note({ events: [completed('c'), completed('d')], roles: [ROLE] });
  return log;
}

test('the routing key of an entry names the kind, and only coordinators may use a key that no kind opens to workers', () => {
  const event = counted(ROLE, 'x', START) as unknown as LogEvent;
  expect(keyWordOf([event])).toBe('counter_counted');
  expect(keyWordOf([event, completed('a')])).toBe('several');
  for (const type of ['carried', 'claimed'] as const) {
    const key = `agentq.event.${keyWordOf([{ ...event, type } as LogEvent])}.${ROLE}`;
    expect(authorOf(key, names.exchange, names)).toBe('coordinator');
  }
});

describe('reactions on things of another kind', () => {
  test('are stored in the transaction of their cause', async () => {
    const { backend, db } = await store(countingLogRules);
    await done(backend, ...['a', 'b', 'c', 'd'].map((id) => submit(id)));
    expect(thingsIn(db)).toEqual({ things: [], events: [] });
    await done(backend, complete('a'), fail('b'), retry('b'), complete('c'));
    expect(thingsIn(db)).toMatchObject({ things: [{ kind: 'counter', id: ROLE, state: '{"ids":["a","c"]}' }] });
    await backend.commit([complete('d'), cancel('missing')]);
    expect(thingsIn(db)).toMatchObject({ things: [{ kind: 'counter' }] });
    await done(backend, complete('d'));
    expect(thingsIn(db)).toMatchObject({
      things: [
        { kind: 'badge', id: ROLE, state: JSON.stringify({ since: START }) },
        { kind: 'counter', id: ROLE, state: '{"ids":["a","c","d"]}' },
      ],
      events: [{ kind: 'badge' }, { kind: 'counter' }, { kind: 'counter' }, { kind: 'counter' }],
    });
    expect(await backend.audit(false)).toEqual([]);
  });

  test('are the same on all machines, also if they read the log in different batches', () => {
    const log = fourCompletions();
    const whole = new Machine(countingLogRules).read(log);
    const piecewise = new Machine(countingLogRules);
    for (const message of log.from(0)) piecewise.fold([message]);
    expect(thingsIn(whole.cache.db)).toMatchObject({
      things: [{ kind: 'badge' }, { kind: 'counter', state: '{"ids":["a","b","c","d"]}' }],
    });
    expect(thingsIn(piecewise.cache.db)).toEqual(thingsIn(whole.cache.db));
    whole.cache.clear();
    expect(thingsIn(whole.read(log).cache.db)).toEqual(thingsIn(piecewise.cache.db));
  });

  test('are in a snapshot', () => {
    const whole = new Machine(countingLogRules, countingForms).read(fourCompletions());
    const copy = join(scratchFolder(), 'copy.db');
    const writer = CopyOfCache.begin(whole.cache.path, copy, 0o600);
    writer.copyTables();
    writer.end();
    const db = Connection.open(copy, cacheSchema);
    onTestFinished(() => db.close());
    const repeats = (one: Connection) => one.all('SELECT * FROM thing_log ORDER BY kind');
    expect(thingsIn(db)).toMatchObject({ things: [{ kind: 'badge' }, { kind: 'counter' }] });
    expect([thingsIn(db), repeats(db)]).toEqual([thingsIn(whole.cache.db), repeats(whole.cache.db)]);
  });

  test('are the same in a store and on a broker', async () => {
    const { backend, db } = await store(countingLogRules);
    await done(backend, ...['a', 'b', 'c'].map((id) => submit(id)), complete('b'), complete('c'), complete('a'));
    const log = new MemoryLog();
    for (const id of ['a', 'b', 'c']) log.submit(id, ROLE);
    for (const id of ['b', 'c', 'a']) log.append(ROLE, completed(id));
    expect(thingsIn(new Machine(countingLogRules).read(log).cache.db)).toEqual(thingsIn(db));
  });

  test('need no permission to write about those things, and a role may not write their events itself', () => {
    const log = new MemoryLog();
    log.submit('a', ROLE);
    const event: Counted = { v: 2, type: 'counted', about: { kind: 'counter', id: ROLE }, at: START, id: 'x' };
    log.append(ROLE, completed('a'));
    const machine = new Machine(countingLogRules).read(log);
    expect(thingsIn(machine.cache.db)).toMatchObject({ things: [{ state: '{"ids":["a"]}' }] });
    log.forge({
      key: `agentq.event.counter_counted.${ROLE}`,
      body: { v: 1, at: START, roles: [ROLE], events: [event] },
    });
    expect(() => machine.read(log)).not.toThrow();
    expect(thingsIn(machine.cache.db)).toMatchObject({ things: [{ state: '{"ids":["a"]}' }] });
  });
});

describe('a thing of another kind that the log repeats', () => {
  const counter = { kind: 'counter', id: ROLE };
  const repeated = (...ids: readonly string[]): LogEvent => ({
    v: 2,
    type: 'carried',
    about: counter,
    at: START,
    state: { ids },
  });
  const machine = () => new Machine(countingLogRules, countingForms);
  const stateIn = ({ cache }: Machine) =>
    (JSON.parse(cache.db.get<{ state: string }>('SELECT state FROM things')?.state ?? 'null') as Counter | null)?.ids;
  const eventsIn = ({ cache }: Machine) => cache.db.all('SELECT body FROM thing_events').length;

  /** A log that counts a and b, and then repeats the counter as its author knew it after some number of entries. */
  function repeating(after: number, ids = ['a', 'b']): MemoryLog {
    const log = new MemoryLog();
    for (const id of ['a', 'b']) log.submit(id, ROLE);
    for (const id of ['a', 'b']) log.append(ROLE, completed(id));
    log.note({ events: [repeated(...ids)], after: after - 1 }, { role: null });
    return log;
  }

  test('changes nothing on a machine that has read the whole log', () => {
    const whole = machine().read(repeating(4));
    expect(stateIn(whole)).toEqual(['a', 'b']);
    expect(eventsIn(whole)).toBe(2);
  });

  test('is known to a machine that has read nothing else, and replaces what a machine knows in part', () => {
    const log = repeating(4);
    expect(stateIn(machine().read(log, 4))).toEqual(['a', 'b']);
    // Its log begins with the submit of b.
    const partly = machine().fold(log.from(1, countingForms).slice(0, 3));
    expect(stateIn(partly)).toEqual(['b']);
    expect(stateIn(partly.read(log))).toEqual(['a', 'b']);
  });

  test('stays as it is if the log has changed or mentioned it since its author has read the log', () => {
    expect(stateIn(machine().read(repeating(3, ['a'])))).toEqual(['a', 'b']);
    const log = new MemoryLog();
    const foreign = { ...countingLogRules, kinds: { ...countingLogRules.kinds, counter: { ...refusingCounter } } };
    log.submit('a', ROLE);
    log.append(ROLE, completed('a'));
    log.note({ events: [repeated('x')], after: 0 }, { role: null });
    expect(stateIn(new Machine(foreign as never, countingForms).read(log))).toBeUndefined();
    log.note({ events: [repeated('x')], after: 2 }, { role: null });
    expect(stateIn(new Machine(foreign as never, countingForms).read(log))).toEqual(['x']);
  });

  test('is not accepted from workers', () => {
    const log = new MemoryLog();
    log.submit('a', ROLE);
    for (const key of [`agentq.event.carried.${ROLE}`, 'agentq.event.note', `agentq.event.completed.${ROLE}`]) {
      log.forge({ key, body: { v: 1, at: START, roles: [], events: [repeated('x')], after: 0 } });
    }
    expect(stateIn(machine().read(log))).toBeUndefined();
  });
});

test('no row of a store or of a cache contains the text of a removed note', async () => {
  const { backend, db } = await store(countingLogRules);
  const about = { kind: 'note', id: 'n' } as const;
  const note = { type: 'note', id: 'n', text: 'a password', by: 'lead' } as const;
  await backend.commit([{ about, command: note }]);
  await backend.commit([{ about, command: { type: 'remove', id: 'n', by: 'lead' } }]);
  const log = new MemoryLog();
  const base = { v: 2, about, at: START, by: 'lead' } as const;
  log.note({ events: [{ ...base, type: 'noted', text: 'a password' }] }, { role: null });
  log.note({ events: [{ ...base, type: 'removed' }] }, { role: null });
  for (const one of [db, new Machine().read(log).cache.db]) {
    expect(thingsIn(one)).toMatchObject({ things: [{ id: 'n' }] });
    expect(JSON.stringify(thingsIn(one))).not.toContain('a password');
  }
});

describe('the outcome that an entry states', () => {
  const successor = { task_id: 's', type: SUCCESSOR, instructions: 'p' };
  const ended = [{ kind: 'task', id: 'p', outcome: 'completed' }];
  const submitted = (): LogEvent => ({
    v: 1,
    type: 'submitted',
    task_id: 's',
    at: START,
    envelope: envelope('s', ROLE, successor),
  });
  const idsIn = ({ cache }: Machine) =>
    cache.db.all<{ state: string }>("SELECT state FROM things WHERE kind = 'counter'").map(({ state }) => state);
  const read = (log: MemoryLog) => idsIn(new Machine(countingLogRules, countingForms).read(log));

  test('has an effect if the task is unknown', () => {
    const log = new MemoryLog();
    log.note({ events: [submitted()], roles: [ROLE], ended });
    expect(read(log)).toEqual(['{"ids":["before-s"]}']);
  });

  test('has no effect if the task is known', () => {
    const log = new MemoryLog();
    log.submit('p', ROLE);
    log.note({ events: [submitted()], roles: [ROLE], ended });
    expect(read(log)).toEqual([]);
  });

  test('does not count in an entry of a worker', () => {
    const log = new MemoryLog();
    log.note({ events: [submitted()], roles: [ROLE], role: ROLE, ended }, { keyWord: 'found', role: ROLE });
    expect(read(log)).toEqual([]);
  });
});

describe('a machine whose log begins after a policy', () => {
  const policy = {
    v: 2,
    type: 'applied',
    about: { kind: 'policy', id: 'policy' },
    at: START,
    by: 'lead',
    version: 1,
    document: { budgets: [{ usd: 1 }] },
  } as const satisfies LogEvent;
  const claimOf = (task_id: string): Event => ({
    v: 1,
    type: 'claimed',
    task_id,
    at: START,
    attempt: 1,
    worker: 'w1',
    expires_at: START + 900_000,
  });
  const costing = (task_id: string, usd: number): Event => ({
    v: 1,
    type: 'renewed',
    task_id,
    at: START,
    attempt: 1,
    expires_at: START + 900_000,
    cost: { usd },
  });
  /** The state of a thing or of a task, as a coordinator repeats it that has read the whole log. */
  function repeat(log: MemoryLog, ...ids: readonly string[]): void {
    const known = new Machine().read(log);
    const after = log.length - 1;
    for (const { kind, id, state } of known.cache.db.all<{ kind: string; id: string; state: string }>(
      'SELECT kind, id, state FROM things ORDER BY kind',
    )) {
      const event = {
        v: 2,
        type: 'carried',
        about: { kind, id },
        at: START,
        state: JSON.parse(state) as unknown,
      } as const;
      log.note({ events: [event], after }, { role: null });
    }
    for (const id of ids) {
      const event = { v: 1, type: 'carried', task_id: id, at: START, task: known.task(id)! } as const;
      log.note({ events: [event], after: log.length - 1, roles: [ROLE] }, { role: null });
    }
  }
  const statesIn = ({ cache }: Machine) =>
    cache.db
      .all<{ id: string; state: string }>('SELECT id, state FROM things ORDER BY id')
      .map(({ id, state }) => [id, JSON.parse(state) as unknown]);
  /** Task a costs more than the budget allows, so that it is cancelled and b does not begin. */
  function overspent(): MemoryLog {
    const log = new MemoryLog();
    // The log has dropped this entry and the policy for a machine that begins late.
    log.note({ events: [] }, { role: null });
    log.note({ events: [policy] }, { role: null });
    for (const id of ['a', 'b', 'c']) log.submit(id, ROLE);
    log.append(ROLE, claimOf('a'));
    log.append(ROLE, costing('a', 2));
    log.append(ROLE, completed('a'));
    log.append(ROLE, claimOf('b'));
    return log;
  }

  test('derives wrong states, and corrects them by those that a coordinator repeats', () => {
    const log = overspent();
    const whole = new Machine().read(log);
    expect(whole.tasks().map(({ id, status }) => [id, status])).toEqual([
      ['c', 'queued'],
      ['b', 'queued'],
      ['a', 'cancelled'],
    ]);
    const late = new Machine().read(log, 2);
    expect([late.task('a')?.status, late.task('b')?.status]).toEqual(['completed', 'working']);
    repeat(log, 'a', 'b');
    expect(
      late
        .read(log)
        .tasks()
        .toSorted((x, y) => (x.id > y.id ? -1 : 1)),
    ).toEqual(whole.read(log).tasks());
    expect(statesIn(late)).toEqual(statesIn(whole));
    expect(late.cache.db.all('SELECT id FROM doubtful')).toEqual([]);
    // What follows is the same on both.
    log.append(ROLE, claimOf('c'));
    expect(late.read(log).task('c')).toEqual(whole.read(log).task('c'));
    expect(late.task('c')?.status).toBe('queued');
  });

  test('takes no state that is older than what the log has said of the task since', () => {
    const log = overspent();
    const late = new Machine().read(log, 2);
    repeat(log);
    const stale = new Machine().read(log).task('b')!;
    const after = log.length - 1;
    log.note({ events: [{ v: 1, type: 'cancelled', task_id: 'b', at: START, by: 'lead' }], roles: [ROLE] });
    log.note(
      { events: [{ v: 1, type: 'carried', task_id: 'b', at: START, task: stale }], after, roles: [ROLE] },
      { role: null },
    );
    expect(late.read(log).task('b')?.status).toBe('cancelled');
  });
});
