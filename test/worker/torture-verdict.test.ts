import { describe, expect, test } from 'vitest';
import { Ledger } from '../../src/app/torture/ledger.ts';
import { seededRandom } from '../../src/app/torture/seeded-random.ts';
import { reportLines } from '../../src/cli/commands/torture.ts';
import { judge } from '../../src/app/torture/verdict.ts';
import type { Event, EventType } from '../../src/core/task/event.ts';
import type { Status } from '../../src/core/task/task.ts';

type EventFields = { readonly type: EventType; readonly [field: string]: unknown };

const ID = 'task-1';
const LEASE = 1_000;

const submitted: EventFields = {
  type: 'submitted',
  envelope: { task_id: ID, from: 'a', to: 'r', reply_to: 'results.a', type: 'task', priority: 'normal' },
};
const claimed = (attempt: number): EventFields => ({ type: 'claimed', attempt, worker: 'w', expires_at: LEASE });
const renewed = (attempt: number): EventFields => ({ type: 'renewed', attempt, expires_at: LEASE });
const expired = (attempt: number, at = LEASE): EventFields => ({ type: 'lease-expired', attempt, final: false, at });
const released = (attempt: number): EventFields => ({ type: 'released', attempt, by: 'r', reason: 'x' });
const completed = (attempt: number, summary = 'done'): EventFields => {
  return { type: 'completed', attempt, by: 'r', summary, artifacts: [] };
};
const failed = (attempt: number, retry_at: number | null): EventFields => {
  return { type: 'attempt-failed', attempt, by: 'r', reason: 'x', artifacts: [], retry_at };
};
const cancelled: EventFields = { type: 'cancelled', by: 'a' };
const refused = (attempt: number): EventFields => {
  return { type: 'refused', command: 'complete', by: 'r', attempt, reason: 'x' };
};

/** The verdict on one task with these events, whose submit was confirmed. */
function judgeOne(events: readonly EventFields[], confirm: (ledger: Ledger) => void = () => {}) {
  const ledger = new Ledger();
  ledger.confirmSubmit(ID);
  confirm(ledger);
  const history = events.map((one, at) => ({ v: 1, task_id: ID, at, ...one }) as unknown as Event);
  return judge(new Map(history.length > 0 ? [[ID, history]] : []), ledger);
}

const sound = { lost: [], completedTwice: [], staleAccepted: [] };

describe('a sound history', () => {
  test.for([
    { what: 'completed in the first attempt', events: [submitted, claimed(1), completed(1)] },
    { what: 'renewed and completed', events: [submitted, claimed(1), renewed(1), renewed(1), completed(1)] },
    {
      what: 'lost, released, failed, and then completed',
      events: [
        submitted,
        claimed(1),
        expired(1),
        claimed(2),
        released(2),
        claimed(3),
        failed(3, 5),
        { type: 'became-due' },
        claimed(4),
        completed(4),
      ],
    },
    { what: 'failed for good', events: [submitted, claimed(1), failed(1, null)] },
    { what: 'cancelled', events: [submitted, claimed(1), cancelled, { type: 'stopped', attempt: 1, by: 'w' }] },
    {
      what: 'completed, after a stale worker was refused',
      events: [submitted, claimed(1), expired(1), claimed(2), refused(1), completed(2), refused(1)],
    },
  ] satisfies { what: string; events: EventFields[] }[])('has no fault: $what', ({ events }) => {
    expect(judgeOne(events)).toMatchObject(sound);
  });

  test('is counted, with its completion', () => {
    expect(judgeOne([submitted, claimed(1), completed(1)])).toMatchObject({ tasks: 1, completed: 1 });
    expect(judgeOne([submitted, claimed(1), failed(1, null)])).toMatchObject({ tasks: 1, completed: 0 });
  });

  test('may lack tasks whose submit was not confirmed', () => {
    expect(judge(new Map(), new Ledger())).toEqual({ tasks: 0, completed: 0, ...sound });
    const confirm = (ledger: Ledger) => ledger.confirmCompletion({ id: ID, attempt: 1, summary: 'done' });
    expect(judgeOne([submitted, claimed(1), completed(1)], confirm)).toMatchObject(sound);
  });
});

describe('a task is lost', () => {
  test.for([
    { what: 'is not in the log', events: [] },
    { what: 'was never claimed', events: [submitted] },
    { what: 'never ended', events: [submitted, claimed(1), expired(1), claimed(2)] },
    { what: 'waits for a retry that does not happen', events: [submitted, claimed(1), failed(1, 5)] },
  ] satisfies { what: string; events: EventFields[] }[])('whose submit was confirmed, if it $what', ({ events }) => {
    expect(judgeOne(events)).toMatchObject({ ...sound, lost: [ID] });
  });

  test.for([
    { what: 'the log contains none', events: [submitted, claimed(1), failed(1, null)] },
    { what: 'the log contains another summary', events: [submitted, claimed(1), completed(1, 'other')] },
    {
      what: 'the log contains another attempt',
      events: [submitted, claimed(1), expired(1), claimed(2), completed(2)],
    },
  ] satisfies { what: string; events: EventFields[] }[])('whose completion was confirmed, if $what', ({ events }) => {
    const confirm = (ledger: Ledger) => ledger.confirmCompletion({ id: ID, attempt: 1, summary: 'done' });
    expect(judgeOne(events, confirm)).toMatchObject({ ...sound, lost: [`${ID} (its completion)`] });
  });

  test('whose completion was confirmed, if the task is not in the log', () => {
    const ledger = new Ledger();
    ledger.confirmCompletion({ id: 'gone', attempt: 1, summary: 'done' });
    expect(judge(new Map(), ledger)).toMatchObject({ ...sound, lost: ['gone (its completion)'] });
  });
});

test('a task with two completions in the log is completed twice', () => {
  const twice = [submitted, claimed(1), completed(1), claimed(2), completed(2)];
  expect(judgeOne(twice)).toMatchObject({ ...sound, completed: 1, completedTwice: [ID] });
});

describe('a stale change was accepted', () => {
  const lost = [submitted, claimed(1), expired(1)];
  const overtaken = [...lost, claimed(2)];

  test.for([
    { what: 'a renewal after the end of the lease', events: [...lost, renewed(1), claimed(2), completed(2)] },
    { what: 'a renewal by the previous attempt', events: [...overtaken, renewed(1), completed(2)] },
    { what: 'a completion after the end of the lease', events: [...lost, completed(1)] },
    { what: 'a completion by the previous attempt', events: [...overtaken, completed(1)] },
    { what: 'a failure by the previous attempt', events: [...overtaken, failed(1, null)] },
    { what: 'a release by the previous attempt', events: [...overtaken, released(1), claimed(3), completed(3)] },
    { what: 'the end of a lease that no worker holds', events: [...lost, expired(1), claimed(2), completed(2)] },
    { what: 'a claim while another attempt holds the task', events: [submitted, claimed(1), claimed(2), completed(2)] },
    { what: 'an attempt number that was skipped', events: [...lost, claimed(3), completed(3)] },
    { what: 'an attempt number that was used before', events: [...lost, claimed(1), completed(1)] },
    { what: 'a change after the end', events: [submitted, claimed(1), failed(1, null), completed(1)] },
  ] satisfies { what: string; events: EventFields[] }[])('if there is $what', ({ events }) => {
    expect(judgeOne(events)).toMatchObject({ ...sound, staleAccepted: [ID] });
  });
});

describe('a cancel that was confirmed', () => {
  const confirm = (ledger: Ledger) => ledger.confirmCancel(ID);

  test('is in the log', () => {
    expect(judgeOne([submitted, cancelled], confirm)).toMatchObject(sound);
  });

  test('is lost if it is not in the log', () => {
    const { lost } = judgeOne([submitted, claimed(1), completed(1)], confirm);
    expect(lost).toEqual([`${ID} (its cancel)`]);
  });
});

test('a fault of one task does not affect the verdict on another', () => {
  const event = (task_id: string, one: EventFields, at: number) => ({ v: 1, task_id, at, ...one }) as unknown as Event;
  const history = (id: string, events: readonly EventFields[]) =>
    [id, events.map((one, at) => event(id, one, at))] as const;
  const histories = new Map([
    history('good', [submitted, claimed(1), completed(1)]),
    history('bad', [submitted, claimed(1), claimed(2), completed(2)]),
  ]);
  const ledger = new Ledger();
  ledger.confirmSubmit('good');
  ledger.confirmSubmit('bad');
  expect(judge(histories, ledger)).toEqual({ ...sound, tasks: 2, completed: 2, staleAccepted: ['bad'] });
});

describe('seeded random numbers', () => {
  const take = (seed: number, count: number) => Array.from({ length: count }, seededRandom(seed));

  test('are the same for the same seed', () => {
    expect(take(7, 100)).toEqual(take(7, 100));
  });

  test('differ for another seed', () => {
    expect(take(7, 100)).not.toEqual(take(8, 100));
  });

  test('are evenly distributed from 0 to 1', () => {
    const tenths = new Map<number, number>();
    for (const number of take(7, 10_000)) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1);
      const tenth = Math.floor(number * 10);
      tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
    }
    for (const count of tenths.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

describe('the clock of a lease', () => {
  test.for([
    {
      what: 'a completion at the end of its lease',
      events: [submitted, claimed(1), { ...completed(1), at: LEASE }],
    },
    { what: 'a renewal at the end of its lease', events: [submitted, claimed(1), { ...renewed(1), at: LEASE }] },
    { what: 'an end of the lease before its end', events: [submitted, claimed(1), expired(1, LEASE - 1)] },
  ])('$what is stale', ({ events }) => {
    expect(judgeOne(events).staleAccepted).toEqual([ID]);
  });
});

describe('a task that was pruned', () => {
  const judgePruned = (status: Status, confirm: (ledger: Ledger) => void = () => {}) => {
    const ledger = new Ledger();
    ledger.confirmSubmit(ID);
    confirm(ledger);
    return judge(new Map(), ledger, new Map([[ID, status]]));
  };

  test('is not lost', () => {
    expect(judgePruned('failed')).toMatchObject({ ...sound, tasks: 1, pruned: 1, completed: 0 });
    expect(judgePruned('completed')).toMatchObject({ ...sound, tasks: 1, pruned: 1, completed: 1 });
  });

  test('has lost a confirmed completion or cancel if it ended otherwise', () => {
    const completion = (ledger: Ledger) => ledger.confirmCompletion({ id: ID, attempt: 1, summary: 'done' });
    expect(judgePruned('completed', completion).lost).toEqual([]);
    expect(judgePruned('failed', completion).lost).toEqual([`${ID} (its completion)`]);
    const cancel = (ledger: Ledger) => ledger.confirmCancel(ID);
    expect(judgePruned('cancelled', cancel).lost).toEqual([]);
    expect(judgePruned('completed', cancel).lost).toEqual([`${ID} (its cancel)`]);
  });
});

test('the report for people has a number in every line', () => {
  const counted = { tasks: 5, completed: 4, pruned: 1, kills: 6, odd: 3 };
  const report = { ...counted, lost: [], completedTwice: ['t'], staleAccepted: [], findings: ['a', 'b'] };
  expect(reportLines(report).map((line) => line.split(/ {2,}/))).toEqual([
    ['tasks', '5, 4 completed'],
    ['pruned', '1 of them'],
    ['killed', '6 processes'],
    ['lost', '0'],
    ['completed twice', '1'],
    ['stale accepted', '0'],
    ['odd children', 'in 3 tasks'],
    ['findings', '2'],
  ]);
});
