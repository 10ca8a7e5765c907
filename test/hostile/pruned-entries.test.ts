import { describe, expect, test } from 'vitest';
import { authorOf } from '../../src/backend/amqp/wire/author.ts';
import { WORKER_KEY_WORDS } from '../../src/backend/amqp/wire/routing-key.ts';
import { findPruned } from '../../src/backend/projection/pruned.ts';
import type { Event, EventOf } from '../../src/core/task/event.ts';
import { type Machine, names, MemoryLog, queued, reading, START } from './support/memory-log.ts';

const ROLE = 'coder';
const YEAR = 365 * 86_400_000;

const pruned = (task_id: string): EventOf<'pruned'> => ({
  v: 2,
  type: 'pruned',
  task_id,
  at: START,
  status: 'completed',
  known_until: START + YEAR,
});

const completed = (task_id: string): Event => ({
  v: 1,
  type: 'completed',
  task_id,
  at: START,
  attempt: 1,
  by: 'w',
  artifacts: [],
});

const knows = (machine: Machine, id: string) => ({
  task: machine.task(id)?.status,
  pruned: findPruned(machine.cache.db, id)?.status,
});

/** A log in which a task is completed and pruned. */
function prunedLog(): MemoryLog {
  const log = new MemoryLog();
  log.submit('a', ROLE);
  log.append(ROLE, completed('a'));
  log.note({ events: [pruned('a')] });
  return log;
}

const GONE = { task: undefined, pruned: 'completed' };

describe('an entry that prunes a task', () => {
  test('has the same effect on a machine that reads the whole log and on one that begins later', () => {
    const log = prunedLog();
    for (const from of [0, 1, 2]) {
      const machine = reading(log, from);
      expect(knows(machine, 'a')).toEqual(GONE);
      for (const table of ['tasks', 'ending', 'lease', 'carried'])
        expect(machine.cache.db.all(`SELECT * FROM ${table}`)).toEqual([]);
      // At most one row stays: it keeps the number of the last event, to which cursors refer. It holds no event.
      const rows = machine.cache.db.all<{ task: number; body: string }>('SELECT task, body FROM events');
      expect(rows.filter(({ task, body }) => task !== 0 || body !== '')).toEqual([]);
      expect(rows.length).toBeLessThanOrEqual(1);
    }
  });

  test('refuses every later entry about the id, until its time ends', () => {
    const log = prunedLog();
    const [early, late] = [reading(log), () => reading(log, 2)];
    log.submit('a', ROLE);
    log.submit('a', 'other');
    log.append(ROLE, completed('a'));
    const task = queued('a', ROLE) as EventOf<'carried'>['task'];
    log.note({ events: [{ v: 1, type: 'carried', task_id: 'a', at: START, task }], roles: [ROLE], after: 0 });
    for (const machine of [early.read(log), late()]) expect(knows(machine, 'a')).toEqual(GONE);
    log.now += YEAR;
    log.submit('a', ROLE);
    for (const machine of [early.read(log), late()]) expect(machine.task('a')?.status).toBe('queued');
  });

  test('prunes all its tasks or none', () => {
    const log = new MemoryLog();
    for (const id of ['a', 'b']) log.submit(id, ROLE);
    log.append(ROLE, completed('a'));
    log.note({ events: [pruned('a'), pruned('b')] });
    const machine = reading(log);
    expect([knows(machine, 'a'), knows(machine, 'b')]).toEqual([
      { task: 'completed', pruned: undefined },
      { task: 'queued', pruned: undefined },
    ]);
  });

  test('may be written only by coordinators', () => {
    for (const key of ['agentq.event.pruned', `agentq.event.pruned.${ROLE}`])
      expect(authorOf(key, names.exchange, names)).toBe('coordinator');
    const log = new MemoryLog();
    log.submit('a', ROLE);
    log.append(ROLE, completed('a'));
    for (const word of WORKER_KEY_WORDS)
      log.forge({
        key: `agentq.event.${word}.${ROLE}`,
        body: { v: 1, at: START, roles: [ROLE], role: ROLE, events: [pruned('a')] },
      });
    expect(knows(reading(log), 'a')).toEqual({ task: 'completed', pruned: undefined });
  });
});
