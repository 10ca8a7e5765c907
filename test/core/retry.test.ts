import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Backoff,
  backoffDelay,
  defaultBackoff,
  isLastAttempt,
  MAX_STARTS,
  maxAttempts,
  startsUsedUp,
} from '../../src/core/task/retry.ts';
import { backoff, claim, fail, handBacks, MINUTE, release, SECOND, story, submit } from './tasks.ts';

const runs = { numRuns: 300 };
const policies: fc.Arbitrary<Backoff> = fc.record({
  base: fc.integer({ min: 1, max: MINUTE }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  max: fc.integer({ min: 1, max: 60 * MINUTE }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const counts = fc.integer({ min: 1, max: MAX_STARTS });

describe('the wait before the next attempt', () => {
  test('is the base after the first, and grows by the factor up to the most', () => {
    const waits = [1, 2, 3, 4, 5].map((n) => backoffDelay(backoff, n, 0.5));
    expect(waits).toEqual([10, 20, 40, 60, 60].map((seconds) => seconds * SECOND));
  });

  test('strays from its middle by the jitter, to both sides', () => {
    expect(backoffDelay(backoff, 1, 0)).toBe(8 * SECOND);
    expect(backoffDelay(backoff, 1, 0.999_999)).toBe(12 * SECOND);
  });

  test('is 10 s, 20 s, 40 s … up to an hour, ± 20 %, unless it is said otherwise', () => {
    expect(defaultBackoff).toEqual({ base: 10 * SECOND, factor: 2, max: 60 * MINUTE, jitter: 0.2 });
  });

  test('is a whole number of ms, never negative, and never more than the most', () => {
    fc.assert(
      fc.property(policies, counts, randoms, (policy, n, random) => {
        const wait = backoffDelay(policy, n, random);
        expect(wait).toSatisfy(Number.isSafeInteger);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(policy.max);
      }),
      runs,
    );
  });

  test('never gets shorter from one attempt to the next, but for the jitter', () => {
    fc.assert(
      fc.property(policies, counts, randoms, (policy, n, random) => {
        const next = backoffDelay(policy, n + 1, random);
        expect(next).toBeGreaterThanOrEqual(backoffDelay(policy, n, random));
      }),
      runs,
    );
  });
});

describe('an attempt is the last', () => {
  test('of three, unless the envelope says otherwise', () => {
    expect(maxAttempts(story(submit()).task)).toBe(3);
    expect(maxAttempts(story(submit({ max_attempts: 7 })).task)).toBe(7);
  });

  test('when those before it that count leave no further one', () => {
    const second = story(submit({ max_attempts: 2 }), claim(), fail({ backoff }), MINUTE, claim());
    expect(isLastAttempt(story(submit({ max_attempts: 2 }), claim()).task)).toBe(false);
    expect(isLastAttempt(second.task)).toBe(true);
  });

  test('not for those before it that were given back or put off', () => {
    const { task } = story(submit({ max_attempts: 2 }), claim(), release(), claim(), release({ attempt: 2, backoff }));
    expect(isLastAttempt(task)).toBe(false);
  });

  test(`when the task has been begun ${MAX_STARTS} times, however free those were`, () => {
    const before = story(submit(), ...handBacks(MAX_STARTS - 1));
    expect(startsUsedUp(before.task)).toBe(false);

    const last = story(submit(), ...handBacks(MAX_STARTS - 1), claim());
    expect(startsUsedUp(last.task)).toBe(true);
    expect(isLastAttempt(last.task)).toBe(true);
  });
});
