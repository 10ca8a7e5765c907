import { describe, expect, test } from 'vitest';
import {
  isDead,
  isFinished,
  isUnstarted,
  spentAttempts,
  type Status,
  statuses,
  type Task,
} from '../../src/core/task/task.ts';
import {
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  elapse,
  fail,
  MINUTE,
  release,
  retry,
  story,
  submit,
} from './tasks.ts';

const withTtl = submit({ ttl_seconds: 60 });

/** A task of each status, whether it has finished, and whether the dead-letter queue shows it. */
const tasks: Record<Status, readonly [task: Task, finished: boolean, dead: boolean]> = {
  queued: [story(submit()).task, false, false],
  scheduled: [story(submit(), fail({ backoff })).task, false, false],
  working: [story(submit(), claim()).task, false, false],
  completed: [story(submit(), complete()).task, true, false],
  failed: [story(submit(), fail()).task, true, true],
  cancelled: [story(submit(), cancel()).task, true, false],
  expired: [story(withTtl, MINUTE, elapse).task, true, true],
};

test('the list of statuses contains each status once', () => {
  expect(statuses.toSorted()).toEqual(Object.keys(tasks).toSorted());
});

test.for(Object.entries(tasks))('isFinished and isDead are correct for a task that is %s', ([status, row]) => {
  const [task, finished, dead] = row;
  expect(task.status).toBe(status);
  expect(isFinished(task)).toBe(finished);
  expect(isDead(task)).toBe(dead);
});

test('a dismissed dead letter is no longer a dead letter', () => {
  expect(isDead(story(submit(), fail(), dismiss).task)).toBe(false);
  expect(isDead(story(withTtl, MINUTE, elapse, dismiss).task)).toBe(false);
});

describe('of the attempts', () => {
  const failed = [submit(), claim(), fail({ backoff }), MINUTE, claim(), MINUTE, elapse] as const;

  test('those count that failed or whose lease ended', () => {
    expect(spentAttempts(story(...failed).task)).toBe(2);
  });

  test('those do not count that were released, deferred or cancelled, or that are open', () => {
    expect(spentAttempts(story(submit(), claim(), release(), claim()).task)).toBe(0);
    expect(spentAttempts(story(submit(), claim(), release({ backoff }), MINUTE, claim(), cancel()).task)).toBe(0);
  });

  test('those do not count that a retry has forgiven', () => {
    expect(spentAttempts(story(...failed, claim(), fail({ attempt: 3 }), retry).task)).toBe(0);
  });
});

test('a task is unstarted until it is claimed, and again after a retry', () => {
  expect(isUnstarted(story(submit()).task)).toBe(true);
  expect(isUnstarted(story(submit(), claim(), release()).task)).toBe(false);
  expect(isUnstarted(story(submit(), claim(), fail(), retry).task)).toBe(true);
});
