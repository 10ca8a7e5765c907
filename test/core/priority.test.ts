import { expect, test } from 'vitest';
import { priorities, rankOf } from '../../src/core/envelope/priority.ts';

test('a higher priority has a higher rank', () => {
  expect(priorities.map(rankOf)).toEqual([0, 1, 2]);
  expect(rankOf('low')).toBeLessThan(rankOf('normal'));
  expect(rankOf('normal')).toBeLessThan(rankOf('high'));
});
