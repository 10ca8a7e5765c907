import { describe, expect, test } from 'vitest';
import { Ledger } from '../../src/app/torture/ledger.ts';
import { seededRandom } from '../../src/app/torture/seeded-random.ts';
import { judge } from '../../src/app/torture/verdict.ts';
import type { Event, EventType } from '../../src/core/task/event.ts';

type Happening = { readonly type: EventType; readonly [field: string]: unknown };

const ID = 'task-1';
const LEASE = 1_000;

const submitted: Happening = {
  type: 'submitted',
  envelope: { task_id: ID, from: 'a', to: 'r', reply_to: 'results.a', type: 'task', priority: 'normal' },
};
const claimed = (attempt: number): Happening => ({ type: 'claimed', attempt, worker: 'w', expires_at: LEASE });
const renewed = (attempt: number): Happening => ({ type: 'renewed', attempt, expires_at: LEASE });
const expired = (attempt: number, at = LEASE): Happening => ({ type: 'lease-expired', attempt, final: false, at });
const released = (attempt: number): Happening => ({ type: 'released', attempt, by: 'r', reason: 'x' });
const completed = (attempt: number, summary = 'done'): Happening => {
  return { type: 'completed', attempt, by: 'r', summary, artifacts: [] };
};
const failed = (attempt: number, retry_at: number | null): Happening => {
  return { type: 'attempt-failed', attempt, by: 'r', reason: 'x', artifacts: [], retry_at };
};
const cancelled: Happening = { type: 'cancelled', by: 'a' };
const refused = (attempt: number): Happening => {
  return { type: 'refused', command: 'complete', by: 'r', attempt, reason: 'x' };
};

/** The verdict on one task that went through this, and whose submit was confirmed. */
function judgeOne(happenings: readonly Happening[], confirm: (ledger: Ledger) => void = () => {}) {
  const ledger = new Ledger();
  ledger.confirmSubmit(ID);
  confirm(ledger);
  const events = happenings.map((one, at) => ({ v: 1, task_id: ID, at, ...one }) as unknown as Event);
  return judge(new Map(events.length > 0 ? [[ID, events]] : []), ledger);
}

const sound = { lost: [], completedTwice: [], staleAccepted: [] };

describe('a sound history', () => {
  test.for([
    { what: 'done in one go', happenings: [submitted, claimed(1), completed(1)] },
    { what: 'renewed and done', happenings: [submitted, claimed(1), renewed(1), renewed(1), completed(1)] },
    {
      what: 'lost, handed back, failed, and then done',
      happenings: [
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
    { what: 'failed for good', happenings: [submitted, claimed(1), failed(1, null)] },
    { what: 'cancelled', happenings: [submitted, claimed(1), cancelled, { type: 'stopped', attempt: 1, by: 'w' }] },
    {
      what: 'done, after a stale worker was refused',
      happenings: [submitted, claimed(1), expired(1), claimed(2), refused(1), completed(2), refused(1)],
    },
  ] satisfies { what: string; happenings: Happening[] }[])('has no fault: $what', ({ happenings }) => {
    expect(judgeOne(happenings)).toMatchObject(sound);
  });

  test('is counted, and its completion too', () => {
    expect(judgeOne([submitted, claimed(1), completed(1)])).toMatchObject({ tasks: 1, completed: 1 });
    expect(judgeOne([submitted, claimed(1), failed(1, null)])).toMatchObject({ tasks: 1, completed: 0 });
  });

  test('need not hold what nobody was promised', () => {
    expect(judge(new Map(), new Ledger())).toEqual({ tasks: 0, completed: 0, ...sound });
    const confirm = (ledger: Ledger) => ledger.confirmCompletion({ id: ID, attempt: 1, summary: 'done' });
    expect(judgeOne([submitted, claimed(1), completed(1)], confirm)).toMatchObject(sound);
  });
});

describe('a task is lost', () => {
  test.for([
    { what: 'is not in the log', happenings: [] },
    { what: 'never began', happenings: [submitted] },
    { what: 'never ended', happenings: [submitted, claimed(1), expired(1), claimed(2)] },
    { what: 'waits for a retry that nobody makes', happenings: [submitted, claimed(1), failed(1, 5)] },
  ] satisfies { what: string; happenings: Happening[] }[])(
    'whose submit was confirmed, where it $what',
    ({ happenings }) => {
      expect(judgeOne(happenings)).toMatchObject({ ...sound, lost: [ID] });
    },
  );

  test.for([
    { what: 'the log knows of none', happenings: [submitted, claimed(1), failed(1, null)] },
    { what: 'the log knows another summary', happenings: [submitted, claimed(1), completed(1, 'other')] },
    {
      what: 'the log knows another attempt',
      happenings: [submitted, claimed(1), expired(1), claimed(2), completed(2)],
    },
  ] satisfies { what: string; happenings: Happening[] }[])(
    'whose completion was confirmed, where $what',
    ({ happenings }) => {
      const confirm = (ledger: Ledger) => ledger.confirmCompletion({ id: ID, attempt: 1, summary: 'done' });
      expect(judgeOne(happenings, confirm)).toMatchObject({ ...sound, lost: [`${ID} (its completion)`] });
    },
  );

  test('whose completion was confirmed, where the whole task is not in the log', () => {
    const ledger = new Ledger();
    ledger.confirmCompletion({ id: 'gone', attempt: 1, summary: 'done' });
    expect(judge(new Map(), ledger)).toMatchObject({ ...sound, lost: ['gone (its completion)'] });
  });
});

test('a task is completed twice where the log says so', () => {
  const twice = [submitted, claimed(1), completed(1), claimed(2), completed(2)];
  expect(judgeOne(twice)).toMatchObject({ ...sound, completed: 1, completedTwice: [ID] });
});

describe('a stale change was accepted', () => {
  const lost = [submitted, claimed(1), expired(1)];
  const overtaken = [...lost, claimed(2)];

  test.for([
    { what: 'a renewal after the lease was over', happenings: [...lost, renewed(1), claimed(2), completed(2)] },
    { what: 'a renewal by the one before', happenings: [...overtaken, renewed(1), completed(2)] },
    { what: 'a completion after the lease was over', happenings: [...lost, completed(1)] },
    { what: 'a completion by the one before', happenings: [...overtaken, completed(1)] },
    { what: 'a failure by the one before', happenings: [...overtaken, failed(1, null)] },
    { what: 'a hand-back by the one before', happenings: [...overtaken, released(1), claimed(3), completed(3)] },
    { what: 'the end of a lease that nobody holds', happenings: [...lost, expired(1), claimed(2), completed(2)] },
    { what: 'a claim while another holds it', happenings: [submitted, claimed(1), claimed(2), completed(2)] },
    { what: 'an attempt number that was skipped', happenings: [...lost, claimed(3), completed(3)] },
    { what: 'an attempt number that was used before', happenings: [...lost, claimed(1), completed(1)] },
    { what: 'a change after the end', happenings: [submitted, claimed(1), failed(1, null), completed(1)] },
  ] satisfies { what: string; happenings: Happening[] }[])('where there is $what', ({ happenings }) => {
    expect(judgeOne(happenings)).toMatchObject({ ...sound, staleAccepted: [ID] });
  });
});

describe('a cancel that was confirmed', () => {
  const confirm = (ledger: Ledger) => ledger.confirmCancel(ID);

  test('is in the log', () => {
    expect(judgeOne([submitted, cancelled], confirm)).toMatchObject(sound);
  });

  test('is lost where it is not', () => {
    const { lost } = judgeOne([submitted, claimed(1), completed(1)], confirm);
    expect(lost).toEqual([`${ID} (its cancel)`]);
  });
});

test('a fault of one task is not held against another', () => {
  const event = (task_id: string, one: Happening, at: number) => ({ v: 1, task_id, at, ...one }) as unknown as Event;
  const history = (id: string, happenings: readonly Happening[]) =>
    [id, happenings.map((one, at) => event(id, one, at))] as const;
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

  test('are others for another seed', () => {
    expect(take(7, 100)).not.toEqual(take(8, 100));
  });

  test('fill the span from 0 to 1 evenly', () => {
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
      what: 'a completion when its lease was over',
      happenings: [submitted, claimed(1), { ...completed(1), at: LEASE }],
    },
    { what: 'a renewal when its lease was over', happenings: [submitted, claimed(1), { ...renewed(1), at: LEASE }] },
    { what: 'an end of the lease before its end', happenings: [submitted, claimed(1), expired(1, LEASE - 1)] },
  ])('$what is stale', ({ happenings }) => {
    expect(judgeOne(happenings).staleAccepted).toEqual([ID]);
  });
});
