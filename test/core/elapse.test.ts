import { describe, expect, test } from 'vitest';
import { nextDue } from '../../src/core/task/fold/due.ts';
import { elapse } from '../../src/core/task/fold/elapse.ts';
import type { Task } from '../../src/core/task/task.ts';
import {
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  elapse as time,
  fail,
  MINUTE,
  release,
  renew,
  retry,
  SECOND,
  story,
  submit,
  T0,
} from './tasks.ts';

const withTtl = submit({ ttl_seconds: 60 });
const typesAt = (task: Task, now: number) => elapse(task, now).events.map(({ type, at }) => [type, at]);

describe('an event of time is due for', () => {
  test.for<[string, Task, number]>([
    ['a delayed task at the end of its delay', story(submit({ delay_seconds: 5 })).task, T0 + 5 * SECOND],
    ['a task with not_before at that time', story(submit({ not_before: '2027-01-31T09:01:00Z' })).task, T0 + MINUTE],
    [
      'a task between two attempts at the end of its backoff',
      story(submit(), claim(), fail({ backoff })).task,
      T0 + 10 * SECOND,
    ],
    ['a claimed task when its lease ends', story(submit(), claim('w1', 7 * SECOND)).task, T0 + 7 * SECOND],
    ['a renewed task when its new lease ends', story(submit(), claim(), SECOND, renew()).task, T0 + SECOND + MINUTE],
    ['a task with a TTL when the TTL has passed', story(withTtl).task, T0 + MINUTE],
    [
      'a retried task without a new claim, when its TTL has passed again',
      story(withTtl, MINUTE, time, SECOND, retry).task,
      T0 + MINUTE + SECOND + MINUTE,
    ],
  ])('%s', ([, task, due]) => {
    expect(nextDue(task)).toBe(due);
    expect(elapse(task, due - 1)).toEqual({ task, events: [] });
    expect(elapse(task, due).events).toHaveLength(1);
  });
});

describe('no event of time is due for', () => {
  test.for<[string, Task]>([
    ['a queued task without a TTL', story(submit()).task],
    ['a task with a TTL that was claimed and released', story(withTtl, claim(), release()).task],
    ['a completed task', story(withTtl, complete()).task],
    ['a failed task', story(withTtl, fail()).task],
    ['a cancelled task', story(withTtl, cancel()).task],
    ['an expired task', story(withTtl, MINUTE, time).task],
    ['a dismissed task', story(withTtl, MINUTE, time, dismiss).task],
  ])('%s', ([, task]) => {
    expect(nextDue(task)).toBeUndefined();
    expect(elapse(task, Number.MAX_SAFE_INTEGER)).toEqual({ task, events: [] });
  });
});

test('the event of an ended delay has the time of its end, not the time at which it was noticed', () => {
  const { task } = story(submit({ delay_seconds: 5 }));
  expect(typesAt(task, T0 + MINUTE)).toEqual([['became-due', T0 + 5 * SECOND]]);
});

test('the TTL of a delayed task begins at the end of its delay', () => {
  const { task } = story(submit({ delay_seconds: 60, ttl_seconds: 60 }));
  const due = T0 + MINUTE;

  expect(elapse(task, due + MINUTE - 1).task.status).toBe('queued');
  expect(typesAt(task, due + MINUTE)).toEqual([
    ['became-due', due],
    ['expired', due + MINUTE],
  ]);
});

test('a task whose lease ended is queued again, and the attempt counts', () => {
  const { task, events } = elapse(story(submit({ max_attempts: 2 }), claim()).task, T0 + MINUTE);
  expect(events).toMatchObject([{ type: 'lease-expired', attempt: 1, final: false }]);
  expect(task).toMatchObject({ status: 'queued', attempts: [{ outcome: 'lease-expired' }] });
});

test('the end of the lease of the last attempt fails the task', () => {
  const { task, events } = elapse(story(submit({ max_attempts: 1 }), claim()).task, T0 + MINUTE);
  expect(events).toMatchObject([{ type: 'lease-expired', attempt: 1, final: true }]);
  expect(task).toMatchObject({ status: 'failed', reason: expect.stringContaining('w1') });
});

test('a task whose lease ended does not expire, because it was claimed', () => {
  expect(elapse(story(withTtl, claim()).task, T0 + 60 * MINUTE).task.status).toBe('queued');
});

// Durations are given in seconds, with fractions. SQLite stores times as integers.
describe('the time of a due event is a whole number of ms:', () => {
  test.for([0.0001, 1.0005])('a TTL of %d s', (ttl_seconds) => {
    expect(nextDue(story(submit({ ttl_seconds })).task)).toSatisfy(Number.isSafeInteger);
  });

  test.for([0.0001, 1.0005])('a delay of %d s', (delay_seconds) => {
    expect(nextDue(story(submit({ delay_seconds })).task)).toSatisfy(Number.isSafeInteger);
  });
});
