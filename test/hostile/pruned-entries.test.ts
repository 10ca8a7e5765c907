import { describe, expect, test } from 'vitest';
import { authorOf } from '../../src/backend/amqp/wire/author.ts';
import { WORKER_KEY_WORDS } from '../../src/backend/amqp/wire/routing-key.ts';
import { findPruned } from '../../src/backend/projection/pruned.ts';
import type { Event, EventOf } from '../../src/core/task/event.ts';
import { type Machine, names, PaperLog, queued, reading, START } from './support/paper-log.ts';

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
function log(): PaperLog {
  const log = new PaperLog();
  log.submit('a', ROLE);
  log.happen(ROLE, completed('a'));
  log.note({ events: [pruned('a')] });
  return log;
}

const GONE = { task: undefined, pruned: 'completed' };

describe('an entry that prunes a task', () => {
  test('leaves the same on a machine that reads the log from its beginning, and on one that begins later', () => {
    const paper = log();
    for (const from of [0, 1, 2]) {
      const machine = reading(paper, from);
      expect(knows(machine, 'a')).toEqual(GONE);
      for (const table of ['tasks', 'events', 'ending', 'lease', 'carried'])
        expect(machine.cache.db.all(`SELECT * FROM ${table}`)).toEqual([]);
    }
  });

  test('prevents every later entry about the id, until its time is over', () => {
    const paper = log();
    const [early, late] = [reading(paper), () => reading(paper, 2)];
    paper.submit('a', ROLE);
    paper.submit('a', 'other');
    paper.happen(ROLE, completed('a'));
    const task = queued('a', ROLE) as EventOf<'carried'>['task'];
    paper.note({ events: [{ v: 1, type: 'carried', task_id: 'a', at: START, task }], roles: [ROLE], after: 0 });
    for (const machine of [early.read(paper), late()]) expect(knows(machine, 'a')).toEqual(GONE);
    paper.now += YEAR;
    paper.submit('a', ROLE);
    for (const machine of [early.read(paper), late()]) expect(machine.task('a')?.status).toBe('queued');
  });

  test('prunes all its tasks or none', () => {
    const paper = new PaperLog();
    for (const id of ['a', 'b']) paper.submit(id, ROLE);
    paper.happen(ROLE, completed('a'));
    paper.note({ events: [pruned('a'), pruned('b')] });
    const machine = reading(paper);
    expect([knows(machine, 'a'), knows(machine, 'b')]).toEqual([
      { task: 'completed', pruned: undefined },
      { task: 'queued', pruned: undefined },
    ]);
  });

  test('is for coordinators: no key of a worker permits it', () => {
    for (const key of ['agentq.event.pruned', `agentq.event.pruned.${ROLE}`])
      expect(authorOf(key, names.exchange, names)).toBe('coordinator');
    const paper = new PaperLog();
    paper.submit('a', ROLE);
    paper.happen(ROLE, completed('a'));
    for (const word of WORKER_KEY_WORDS)
      paper.forge({
        key: `agentq.event.${word}.${ROLE}`,
        body: { v: 1, at: START, roles: [ROLE], role: ROLE, events: [pruned('a')] },
      });
    expect(knows(reading(paper), 'a')).toEqual({ task: 'completed', pruned: undefined });
  });
});
