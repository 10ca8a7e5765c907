import { describe, expect, test } from 'vitest';
import { distributionOf } from '../../src/core/stats/distribution.ts';
import { type Dimension, Stats } from '../../src/core/stats/stats.ts';
import type { Task } from '../../src/core/task/task.ts';
import {
  backoff,
  cancel,
  claim,
  complete,
  elapse,
  fail,
  MINUTE,
  release,
  renew,
  SECOND,
  story,
  submit,
  T0,
} from './tasks.ts';

const tasks: readonly Task[] = [
  story(submit({ type: 'review' }), MINUTE, claim('w1'), MINUTE / 2, complete({ cost: { usd: 0.5, tokens: 100 } })),
  story(
    submit({ group: 'g' }),
    claim('w1'),
    MINUTE / 2,
    fail({ attempt: 1, backoff, cost: { usd: 0.1 } }),
    MINUTE,
    elapse,
    claim('w2', 5 * MINUTE),
    MINUTE,
    complete({ attempt: 2, cost: { usd: 0.2 } }),
  ),
  story(submit(), claim('w2'), SECOND, release({ attempt: 1 }), claim('w2'), SECOND, fail({ attempt: 2 })),
  story(submit({ delay_seconds: 60 }), 2 * MINUTE, elapse, claim('w1', 5 * MINUTE), renew({ cost: { tokens: 7 } })),
  story(submit(), complete()),
  story(submit(), cancel()),
  story(submit({ ttl_seconds: 60 }), MINUTE, elapse),
].map(({ task }) => task);

function statsOf(since: number, by: Dimension): Stats {
  const stats = new Stats(since, by);
  for (const task of tasks) stats.add(task);
  return stats;
}

const spread = (count: number, p50: number, p90: number, p99: number) => ({ count, p50, p90, p99 });

describe('the figures of a period', () => {
  test('count tasks and attempts, and add up their cost', () => {
    expect(statsOf(T0, 'role').total()).toEqual({
      submitted: 7,
      completed: 3,
      failed: 1,
      cancelled: 1,
      expired: 1,
      failure_rate: 0.25,
      retries: 1,
      wait: spread(4, 0, MINUTE, MINUTE),
      run: spread(5, MINUTE / 2, MINUTE, MINUTE),
      cost: { usd: 0.8, tokens: 107 },
    });
  });

  test('contain only what happened in the period', () => {
    expect(statsOf(T0 + 2 * MINUTE, 'role').total()).toEqual({
      submitted: 0,
      completed: 1,
      failed: 0,
      cancelled: 0,
      expired: 0,
      failure_rate: 0,
      retries: 0,
      wait: spread(1, MINUTE, MINUTE, MINUTE),
      run: spread(1, MINUTE, MINUTE, MINUTE),
      cost: { usd: 0.2, tokens: 7 },
    });
  });

  test('are split by role, type, group or worker', () => {
    const keysBy = (by: Dimension) =>
      statsOf(T0, by)
        .parts()
        .map(({ key, submitted }) => [key, submitted]);
    expect(keysBy('role')).toEqual([['implementer', 7]]);
    expect(keysBy('type')).toEqual([
      ['review', 1],
      ['task', 6],
    ]);
    expect(keysBy('group')).toEqual([
      ['g', 1],
      [undefined, 6],
    ]);
    expect(statsOf(T0, 'worker').parts()).toMatchObject([
      { key: 'implementer', completed: 1 },
      { key: 'w1', completed: 1, retries: 0, cost: { usd: 0.6, tokens: 107 } },
      { key: 'w2', completed: 1, failed: 1, retries: 1, cost: { usd: 0.2 } },
      { submitted: 2, cancelled: 1, expired: 1 },
    ]);
  });
});

describe('percentiles', () => {
  test('are values that occur, the least that so many percent do not exceed', () => {
    expect(distributionOf([])).toBeUndefined();
    expect(distributionOf([5])).toEqual(spread(1, 5, 5, 5));
    expect(distributionOf(Array.from({ length: 100 }, (_, i) => 100 - i))).toEqual(spread(100, 50, 90, 99));
    expect(distributionOf([10, 9, 100])).toEqual(spread(3, 10, 100, 100));
  });
});
