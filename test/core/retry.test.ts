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
  test('is the base after the first attempt, and grows by the factor up to the maximum', () => {
    const waits = [1, 2, 3, 4, 5].map((n) => backoffDelay(backoff, n, 0.5));
    expect(waits).toEqual([10, 20, 40, 60, 60].map((seconds) => seconds * SECOND));
  });

  test('deviates by the jitter in both directions', () => {
    expect(backoffDelay(backoff, 1, 0)).toBe(8 * SECOND);
    expect(backoffDelay(backoff, 1, 0.999_999)).toBe(12 * SECOND);
  });

  test('is 10 s, 20 s, 40 s … up to an hour, ± 20 %, by default', () => {
    expect(defaultBackoff).toEqual({ base: 10 * SECOND, factor: 2, max: 60 * MINUTE, jitter: 0.2 });
  });

  test('is a whole number of ms between 0 and the maximum', () => {
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

  test('without the jitter never gets shorter from one attempt to the next', () => {
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
  test('of three by default, or of the number in the envelope', () => {
    expect(maxAttempts(story(submit()).task)).toBe(3);
    expect(maxAttempts(story(submit({ max_attempts: 7 })).task)).toBe(7);
  });

  test('if the counted attempts before it reach the maximum', () => {
    const second = story(submit({ max_attempts: 2 }), claim(), fail({ backoff }), MINUTE, claim());
    expect(isLastAttempt(story(submit({ max_attempts: 2 }), claim()).task)).toBe(false);
    expect(isLastAttempt(second.task)).toBe(true);
  });

  test('released and deferred attempts before it do not count', () => {
    const { task } = story(submit({ max_attempts: 2 }), claim(), release(), claim(), release({ attempt: 2, backoff }));
    expect(isLastAttempt(task)).toBe(false);
  });

  test(`if the task was started ${MAX_STARTS} times, also if none of them counts`, () => {
    const before = story(submit(), ...handBacks(MAX_STARTS - 1));
    expect(startsUsedUp(before.task)).toBe(false);

    const last = story(submit(), ...handBacks(MAX_STARTS - 1), claim());
    expect(startsUsedUp(last.task)).toBe(true);
    expect(isLastAttempt(last.task)).toBe(true);
  });
});
