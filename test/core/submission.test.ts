import { describe, expect, test } from 'vitest';
import { parseSubmission } from '../../src/core/envelope/submission.ts';

function errorOf(json: unknown): unknown {
  try {
    return parseSubmission(json);
  } catch (error) {
    return error;
  }
}

test('a submission needs only the role', () => {
  expect(parseSubmission({ to: 'implementer' })).toEqual({ to: 'implementer', type: 'task', priority: 'normal' });
});

test('a submission keeps unknown fields', () => {
  expect(parseSubmission({ to: 'implementer', labels: { a: [1] } })).toMatchObject({ labels: { a: [1] } });
});

test.for([{ delay_seconds: 1 }, { not_before: '2027-01-31T09:00:00Z' }])('a submission may wait: %j', (wait) => {
  expect(parseSubmission({ to: 'implementer', ...wait })).toMatchObject(wait);
});

describe('a submission is refused', () => {
  test('with an invalid name, and the error names its field', () => {
    expect(errorOf({ to: 'a/b' })).toMatchObject({
      code: 'invalid-name',
      message: 'to is not a valid role',
      hint: 'allowed: letters, digits, _ -, at most 64',
    });
  });

  test('with a wrong nested value, and the error names the whole path', () => {
    expect(errorOf({ to: 'a', expected_output: { artifacts: ['ok', '../x'] } })).toMatchObject({
      code: 'invalid-name',
      message: 'expected_output.artifacts.1 is not a valid artifact name',
    });
  });

  test('with a value of another type', () => {
    expect(errorOf({ to: 'a', instructions: 1 })).toMatchObject({
      code: 'usage',
      message: 'instructions must be a string',
    });
  });

  test('if it is not an object', () => {
    expect(errorOf('a')).toMatchObject({ code: 'usage', message: 'must be an object' });
  });

  test('with both a delay and a time', () => {
    const both = { to: 'a', delay_seconds: 1, not_before: '2027-01-31T09:00:00Z' };
    expect(errorOf(both)).toMatchObject({
      code: 'usage',
      message: 'delay_seconds and not_before contradict each other',
    });
  });
});

test('an error uses the given name of the field', () => {
  expect(() => parseSubmission({ to: 'a/b' }, ([field]) => `--${String(field)}`)).toThrow('--to is not a valid role');
});
