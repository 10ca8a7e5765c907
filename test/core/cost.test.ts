import { describe, expect, test } from 'vitest';
import { costForm, formatCost, reportedCost, sumOf } from '../../src/core/cost.ts';
import { costOf } from '../../src/core/task/task.ts';
import { isTask } from '../../src/core/task/task-form.ts';
import {
  acknowledge,
  backoff,
  cancel,
  claim,
  complete,
  fail,
  MINUTE,
  release,
  renew,
  story,
  submit,
  when,
} from './tasks.ts';

describe('a sum of costs', () => {
  test('shows no error of binary fractions', () => {
    expect(0.1 + 0.2).not.toBe(0.3);
    expect(sumOf([{ usd: 0.1 }, { usd: 0.2, tokens: 3 }, undefined, { tokens: 4 }])).toEqual({ usd: 0.3, tokens: 7 });
  });

  test('of nothing is nothing', () => expect(sumOf([undefined])).toBeUndefined());
});

test.for([{ usd: -0.1 }, { usd: Infinity }, { usd: Number.NaN }, { usd: '1' }, { tokens: 1.5 }, { tokens: -1 }])(
  '%j is not a cost',
  (cost) => expect(costForm().safeParse(cost).success).toBe(false),
);

test('a cost is printed with at least two decimals, or none', () => {
  expect(formatCost({ usd: 0.12, tokens: 5300 })).toBe('$0.12, 5300 tokens');
  expect(formatCost({ usd: 0.5 })).toBe('$0.50');
  expect(formatCost({ usd: 5, tokens: 1 })).toBe('$5, 1 token');
  expect(formatCost({ usd: 0.000031 })).toBe('$0.000031');
});

describe('the cost of an attempt', () => {
  test('is the last one that was reported, by field', () => {
    const { task } = story(
      submit(),
      claim(),
      renew({ cost: { usd: 0.1 } }),
      renew({ cost: { usd: 0.2, tokens: 10 } }),
      renew(),
      renew({ cost: { tokens: 20 } }),
    );
    expect(costOf(task)).toEqual({ usd: 0.2, tokens: 20 });
    expect(isTask(task)).toBe(true);
  });

  test('stays with its attempt', () => {
    const { task } = story(
      submit(),
      claim(),
      release({ cost: { usd: 0.1 } }),
      claim(),
      fail({ backoff, attempt: 2, cost: { usd: 0.2 } }),
      MINUTE,
      claim(),
      complete({ attempt: 3, cost: { usd: 0.4, tokens: 7 } }),
    );
    expect(task.attempts.map(({ cost }) => cost)).toEqual([{ usd: 0.1 }, { usd: 0.2 }, { usd: 0.4, tokens: 7 }]);
    expect(costOf(task)).toEqual({ usd: 0.7, tokens: 7 });
  });

  test('may be reported without a claim', () => {
    expect(costOf(story(submit(), complete({ cost: { tokens: 9 } })).task)).toEqual({ tokens: 9 });
  });

  test('may be reported when a cancelled attempt has stopped', () => {
    const { task } = story(submit(), claim(), cancel(), { ...acknowledge(1), cost: { usd: 3 } });
    expect(costOf(task)).toEqual({ usd: 3 });
  });

  test('of an attempt that is over is not lowered by a later report', () => {
    const report = { ...acknowledge(1), cost: { usd: 1, tokens: 9 } };
    const completed = story(submit(), claim(), complete({ cost: { usd: 3, tokens: 7 } }));
    expect(costOf(when(completed, report).task!)).toEqual({ usd: 3, tokens: 9 });
    expect(when(completed, { ...report, cost: { usd: 1 } })).toMatchObject({ changed: false, events: [] });
    const cancelled = story(submit(), claim(), renew({ cost: { usd: 3 } }), cancel(), report);
    expect(costOf(cancelled.task)).toEqual({ usd: 3, tokens: 9 });
  });

  test('is rounded to millionths', () => {
    expect(costOf(story(submit(), complete({ cost: { usd: 0.12345678 } })).task)).toEqual({ usd: 0.123457 });
    expect(reportedCost({ usd: 1 }, {})).toEqual({ usd: 1 });
  });

  test('belongs to the outcome: a repeated completion or failure with another cost is refused', () => {
    const completed = story(submit(), claim(), complete({ cost: { usd: 1 } }));
    expect(when(completed, complete())).toMatchObject({ changed: false, events: [] });
    expect(when(completed, complete({ cost: { usd: 1 } }))).toMatchObject({ changed: false, events: [] });
    expect(when(completed, complete({ cost: { usd: 2 } })).refusal?.code).toBe('conflict');

    const failed = story(submit(), claim(), fail({ cost: { usd: 1 } }));
    expect(when(failed, fail({ cost: { usd: 1 } })).refusal).toBeUndefined();
    expect(when(failed, fail({ cost: { usd: 2 } })).refusal?.code).toBe('conflict');
  });
});
