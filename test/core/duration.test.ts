import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, formatMoment, parseDuration } from '../../src/core/duration.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a duration is parsed:', () => {
  test.for<[string, number]>([
    ['90s', 90 * SECOND],
    ['1h30m', HOUR + 30 * MINUTE],
    ['500ms', 500],
    ['2d', 2 * DAY],
    ['1w', 7 * DAY],
    ['1m500ms', MINUTE + 500],
    ['1.5h', 90 * MINUTE],
    ['0s', 0],
    ['90', 90 * SECOND],
    ['0.25', 250],
    ['0', 0],
    ['0.4ms', 0],
    ['1.6ms', 2],
  ])('%s', ([text, ms]) => {
    expect(parseDuration(text)).toBe(ms);
  });
});

describe('a text that is no duration:', () => {
  test.for([
    '',
    ' ',
    'soon',
    '-1s',
    '+1s',
    '1 s',
    ' 1s',
    '1s ',
    '1S',
    '1y',
    's',
    '.5s',
    '1.s',
    '1h30',
    '1e3',
    '0x10',
    'Infinity',
    '1s\n',
  ])('%j', (text) => {
    expect(() => parseDuration(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: `is not a duration: ${JSON.stringify(text)}` }),
    );
  });
});

test('a parsed duration is a whole number of ms, at least 0', () => {
  const amounts = fc.tuple(fc.nat(999), fc.option(fc.nat(9_999)), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w', ''));
  fc.assert(
    fc.property(amounts, ([whole, part, unit]) => {
      const ms = parseDuration(`${whole}${part === null ? '' : `.${part}`}${unit}`);
      expect(ms).toSatisfy(Number.isSafeInteger);
      expect(ms).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 300 },
  );
});

test('the longest duration is a hundred years', () => {
  expect(parseDuration('36500d')).toBe(36_500 * DAY);
  expect(() => parseDuration('36500d1ms')).toThrow('is longer than a hundred years');
});

// A time so far away cannot be stored or shown, and the last value is not finite.
test.for<[string, string]>([
  ['days', '999999999d'],
  ['a number beyond the safe integers', '9'.repeat(30)],
  ['a number beyond all numbers', '9'.repeat(400)],
])('a duration longer than the range of a Date is refused: %s', ([, text]) => {
  expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

describe('a duration is written with its two largest units:', () => {
  test.for<[number, string]>([
    [-5, '0s'],
    [0, '0s'],
    [7, '7ms'],
    [999, '999ms'],
    [SECOND, '1s'],
    [59_499, '59s'],
    [59_500, '1m'],
    [200 * SECOND, '3m 20s'],
    [65 * MINUTE, '1h 5m'],
    [65 * MINUTE + 40 * SECOND, '1h 5m'],
    [DAY + HOUR + MINUTE, '1d 1h'],
    [15 * DAY, '15d'],
  ])('%i ms as %s', ([ms, text]) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('a duration of whole seconds below an hour is the same after parsing', () => {
    fc.assert(
      fc.property(fc.nat(HOUR / SECOND - 1), (seconds) => {
        expect(parseDuration(formatDuration(seconds * SECOND).replaceAll(' ', ''))).toBe(seconds * SECOND);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a time is written relative to now:', () => {
  const now = Date.UTC(2027, 0, 31, 9);

  test.for<[number, string]>([
    [0, 'now'],
    [-999, 'now'],
    [999, 'now'],
    [-3 * MINUTE - 20 * SECOND, '3m ago'],
    [20 * SECOND, 'in 20s'],
    [SECOND, 'in 1s'],
    [-SECOND, '1s ago'],
    [-DAY, '1d ago'],
    [2 * HOUR + MINUTE, 'in 2h'],
  ])('%i ms from now as %s', ([span, text]) => {
    expect(formatMoment(now + span, now)).toBe(text);
  });
});
