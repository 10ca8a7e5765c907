import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Event, EventOf } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import type { Task } from '../../src/core/task/task.ts';
import { everyEvent } from './every-event.ts';
import { deepFreeze } from './freeze.ts';
import {
  backoff,
  claim,
  complete,
  elapse,
  evidence,
  fail,
  ID,
  MINUTE,
  release,
  renew,
  retry,
  SECOND,
  story,
  submit,
  T0,
  untouched,
  when,
} from './tasks.ts';

/** The events of a command that was decided on an older state of the task, so that they come too late. */
const late = (...decided: Parameters<typeof when>): readonly Event[] => when(...decided).events;

const claimOf = (attempt: number, at: number): EventOf<'claimed'> => ({
  v: 1,
  type: 'claimed',
  task_id: ID,
  at,
  attempt,
  worker: 'w2',
  expires_at: at + MINUTE,
});

/** The reason why the event is refused; undefined if it is accepted or changes the task. */
function refusalOf(task: Task, event: Event): string | undefined {
  const { task: after, refused } = evolve(task, event);
  return isDeepStrictEqual(after, task) ? refused : undefined;
}

const queued = story(submit());
const begun = story(submit(), claim('w1'), SECOND);

describe('an event that lost a race is refused and changes nothing:', () => {
  test('the second claim of one attempt', () => {
    const [first] = late(queued, claim('w1'));
    const [second] = late(queued, claim('w2'));
    const { task } = evolve(queued.task, first!);

    expect(refusalOf(task!, second!)).toBeDefined();
    expect(task).toMatchObject({ lease: { worker: 'w1' } });
  });

  test('a claim with a used number', () => {
    const again = story(submit(), claim(), release());
    expect(refusalOf(again.task, claimOf(1, again.now))).toBeDefined();
  });

  test('a claim with a number that skips one', () => {
    expect(refusalOf(queued.task, claimOf(2, queued.now))).toBeDefined();
  });

  test.for<[string, readonly Event[]]>([
    ['completion', late(begun, complete())],
    ['failure', late(begun, fail({ backoff }))],
    ['renewal', late(begun, renew())],
    ['release', late(begun, release())],
    ['lease-expired', late(begun, elapse, MINUTE)],
  ])('the %s of an attempt while the next attempt holds the task', ([, [event]]) => {
    const successor = story(submit(), claim('w1'), MINUTE, claim('w2'), SECOND);
    expect(refusalOf(successor.task, event!)).toBe('attempt 1 does not hold it: attempt 2 holds it');
  });

  test.for<[string, readonly Event[]]>([
    ['completion', late(begun, complete())],
    ['failure', late(begun, fail({ backoff }))],
    ['renewal', late(begun, renew())],
    ['release', late(begun, release())],
  ])('the %s of an attempt whose lease has ended since', ([, [event]]) => {
    const { task } = story(submit(), claim('w1'), MINUTE, elapse);
    expect(refusalOf(task, event!)).toBe('attempt 1 does not hold it: it is queued');
  });

  test('the end of a lease that was renewed in the meantime', () => {
    const [ended] = late(begun, elapse, MINUTE - SECOND);
    expect(ended?.type).toBe('lease-expired');

    expect(refusalOf(story(submit(), claim('w1'), 59 * SECOND, renew()).task, ended!)).toBeDefined();
  });

  test('the expiry of a task that was claimed in the meantime', () => {
    const withTtl = story(submit({ ttl_seconds: 60 }));
    const [expired] = late(withTtl, elapse, MINUTE);
    const [claimed] = late(withTtl, claim(), MINUTE - 1);

    expect(refusalOf(evolve(withTtl.task, claimed!).task!, expired!)).toBeDefined();
  });

  test('the end of an earlier delay than the one that the task now waits for', () => {
    const first = story(submit(), claim(), fail({ backoff }));
    const [due] = late(first, elapse, 10 * SECOND);
    const second = story(submit(), claim(), fail({ backoff }), 10 * SECOND, claim(), fail({ backoff, attempt: 2 }));

    expect(refusalOf(second.task, due!)).toBeDefined();
  });

  test('a cancellation of a task that was completed in the meantime', () => {
    const [cancelled] = late(begun, { type: 'cancel', by: 'coordinator' });
    expect(refusalOf(story(submit(), claim('w1'), SECOND, complete()).task, cancelled!)).toBeDefined();
  });

  test('a completion of a task that was cancelled in the meantime', () => {
    const [completed] = late(begun, complete());
    expect(
      refusalOf(story(submit(), claim('w1'), SECOND, { type: 'cancel', by: 'coordinator' }).task, completed!),
    ).toBeDefined();
  });

  test('a second completion without a claim', () => {
    const [first] = late(queued, complete({ summary: 'one' }));
    const [second] = late(queued, complete({ summary: 'another' }));
    const { task } = evolve(queued.task, first!);

    expect(refusalOf(task!, second!)).toBeDefined();
    expect(task).toMatchObject({ status: 'completed', completion: { summary: 'one' } });
  });

  // The task is queued, as it was the first time. Only the TTL differs.
  test('a second copy of an expiry, after the task was retried', () => {
    const dead = story(submit({ ttl_seconds: 60 }), MINUTE, elapse);
    const expired = dead.events.at(-1)!;
    const [retried] = late(dead, retry, SECOND);

    expect(refusalOf(evolve(dead.task, retried!).task!, expired)).toBeDefined();
  });

  test('an expiry of a task that was claimed and released in the meantime', () => {
    const [expired] = late(story(submit({ ttl_seconds: 60 })), elapse, MINUTE);
    expect(refusalOf(story(submit({ ttl_seconds: 60 }), claim(), release()).task, expired!)).toBeDefined();
  });
});

describe('an event that is in the log twice', () => {
  const types = Object.keys(everyEvent) as (keyof typeof everyEvent)[];

  test.for(types)('changes nothing the second time: %s', (type) => {
    const { task, events } = everyEvent[type];
    expect(untouched(evolve(task, events.at(-1)!).task)).toEqual(untouched(task));
  });

  test.for(types.filter((type) => type !== 'renewed' && type !== 'refused'))(
    'is refused the second time: %s',
    (type) => {
      const { task, events } = everyEvent[type];
      expect(refusalOf(task, events.at(-1)!)).toBeDefined();
    },
  );
});

describe('without a task', () => {
  const types = (Object.keys(everyEvent) as (keyof typeof everyEvent)[]).filter(
    (type) => type !== 'submitted' && type !== 'carried',
  );

  test.for(types)('%s is refused and creates none', (type) => {
    expect(evolve(undefined, everyEvent[type].events.at(-1)!)).toEqual({
      task: undefined,
      refused: expect.any(String),
    });
  });
});

test('any event folds into any task without a mutation of either', () => {
  const stories = deepFreeze(Object.values(everyEvent));
  for (const { task } of stories) {
    for (const { events } of stories) {
      for (const event of events) expect(() => evolve(task, event)).not.toThrow();
    }
  }
});

test('no field of a previous status remains on a task', () => {
  const { task } = story(submit(), claim(), renew({ percent: 40 }), fail(), { type: 'dismiss', by: 'operator' }, retry);
  expect(Object.keys(task).toSorted()).toEqual(Object.keys(queued.task).toSorted());
});

describe('the time of an event is the time of its effects:', () => {
  /** The fields that each event sets, with their times. */
  const dated: { readonly [T in keyof typeof everyEvent]: (at: number) => object } = {
    submitted: (at) => ({ status: 'scheduled', submitted_at: at }),
    'became-due': (at) => ({ status: 'queued', ready_at: at }),
    expired: (at) => ({ status: 'expired', expired_at: at }),
    claimed: (at) => ({ status: 'working', attempts: [{ started_at: at }] }),
    renewed: (at) => ({ status: 'working', progress: { at } }),
    'lease-expired': (at) => ({ status: 'queued', ready_at: at, attempts: [{ ended_at: at }] }),
    released: (at) => ({ status: 'scheduled', attempts: [{ ended_at: at }] }),
    'attempt-failed': (at) => ({ status: 'scheduled', attempts: [{ ended_at: at }] }),
    completed: (at) => ({ status: 'completed', completion: { at }, attempts: [{ ended_at: at }] }),
    cancelled: (at) => ({ status: 'cancelled', cancelled_at: at, attempts: [{ ended_at: at }] }),
    stopped: (at) => ({ status: 'cancelled', stopped_at: at, cancelled_at: at - SECOND }),
    retried: (at) => ({ status: 'queued', ready_at: at }),
    dismissed: (at) => ({ status: 'expired', dismissed_at: at }),
    edited: (at) => ({ status: 'queued', ready_at: at - SECOND }),
    redone: (at) => ({ status: 'queued', ready_at: at, redone: [{ at, completion: { at: at - SECOND } }] }),
    restored: (at) => ({ status: 'queued', ready_at: at, attempts: [{ outcome: 'released', ended_at: at }] }),
    carried: (at) => ({ status: 'queued', ready_at: at }),
    refused: (at) => ({ status: 'completed', refused: 1, updated_at: at - SECOND }),
  };

  test.for(Object.keys(dated) as (keyof typeof everyEvent)[])('%s', (type) => {
    const { task, events } = everyEvent[type];
    const { at } = events.at(-1)!;
    expect(task).toMatchObject({ submitted_at: T0, updated_at: at, ...dated[type](at) });
  });

  test('the end of the last lease', () => {
    const { task, now } = story(submit({ max_attempts: 1 }), claim(), MINUTE, elapse);
    expect(task).toMatchObject({ status: 'failed', failed_at: now });
  });

  test('an attempt without a claim begins and ends at once', () => {
    const { task, now } = story(submit(), SECOND, complete());
    expect(task.attempts).toMatchObject([{ started_at: now, ended_at: now }]);
  });
});

describe('a wait that ends before it begins is ignored:', () => {
  test.for([-1, 0])('of a submit, by %i ms', (span) => {
    const [submitted] = everyEvent.submitted.events as [EventOf<'submitted'>];
    const { at } = submitted;
    expect(evolve(undefined, { ...submitted, due_at: at + span }).task).toMatchObject({
      status: 'queued',
      ready_at: at,
    });
  });

  test.for([-1, 0])('of a failure, by %i ms', (span) => {
    const [failed] = late(begun, fail({ backoff })) as [EventOf<'attempt-failed'>];
    const { at } = failed;
    expect(evolve(begun.task, { ...failed, retry_at: at + span }).task).toMatchObject({
      status: 'queued',
      ready_at: at,
    });
  });
});

test('the context of a task never changes', () => {
  const context = evidence('context');
  expect(story(submit({}, context), claim(), fail(), retry).task).toMatchObject({ context });
});

describe('progress', () => {
  const reported = story(submit(), claim(), renew({ percent: 40, note: 'half-way' }), SECOND);

  // Otherwise every renewal by a worker would make an old note look new.
  test('does not change with a renewal without progress', () => {
    const [renewed] = late(reported, renew());
    expect(evolve(reported.task, renewed!).task).toMatchObject({
      progress: { percent: 40, note: 'half-way', at: reported.now - SECOND },
    });
  });

  test('keeps its note if a renewal contains only a percentage', () => {
    const [renewed] = late(reported, renew({ percent: 50 }));
    expect(evolve(reported.task, renewed!).task).toMatchObject({
      progress: { percent: 50, note: 'half-way', at: reported.now },
    });
  });

  test('is removed when the next attempt begins', () => {
    const { task } = story(submit(), claim(), renew({ percent: 40 }), release(), claim());
    expect(task).not.toHaveProperty('progress');
  });
});

test('a completion without a claim is an attempt of the role that completed the task', () => {
  expect(story(submit(), SECOND, complete()).task).toMatchObject({
    attempts: [{ number: 1, worker: 'implementer', outcome: 'completed' }],
    completion: { attempt: 1 },
  });
});

test('the artifacts of a failed attempt are recorded with the attempt', () => {
  const { task, events } = everyEvent['attempt-failed'];
  expect(task.attempts[0]).toMatchObject({
    outcome: 'failed',
    reason: 'it broke',
    artifacts: (events.at(-1) as EventOf<'attempt-failed'>).artifacts,
  });
  expect(story(submit(), claim(), fail()).task.attempts[0]).not.toHaveProperty('artifacts');
});
