import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/app/worker/attempt-report.ts';
import { type Hold, holdOf, recordedOutcome } from '../../src/app/worker/recorded-outcome.ts';
import type { Command } from '../../src/core/task/decision/command.ts';
import { backoff, cancel, claim, complete, elapse, fail, MINUTE, release, story, submit } from '../core/tasks.ts';

describe('the recorded state of the first attempt', () => {
  const stories: [string, readonly (Command | number)[], Hold, Outcome | undefined][] = [
    ['it works', [], 'held', undefined],
    ['its lease ended', [MINUTE, elapse], 'lost', undefined],
    ['its lease ended and another attempt has begun', [MINUTE, elapse, claim('w2')], 'lost', undefined],
    ['completed', [complete({ attempt: 1 })], 'ended', { outcome: 'completed' }],
    ['failed for good', [fail({ attempt: 1 })], 'ended', { outcome: 'failed', reason: 'it broke' }],
    ['failed, with another try', [fail({ attempt: 1, backoff })], 'ended', { outcome: 'retrying', reason: 'it broke' }],
    ['released', [release({ attempt: 1 })], 'ended', { outcome: 'handed-back', reason: 'given back' }],
    ['deferred', [release({ attempt: 1, backoff })], 'ended', { outcome: 'handed-back', reason: 'given back' }],
    ['cancelled', [cancel()], 'cancelled', undefined],
  ];

  test.for(stories)('%s', ([, steps, hold, outcome]) => {
    const { task } = story(submit(), claim(), ...steps);
    expect(holdOf(task, 1)).toBe(hold);
    expect(recordedOutcome(task, 1)).toEqual(outcome);
  });

  test('the queue does not know the task', () => {
    expect(holdOf(undefined, 1)).toBe('lost');
    expect(recordedOutcome(undefined, 1)).toBeUndefined();
  });
});
