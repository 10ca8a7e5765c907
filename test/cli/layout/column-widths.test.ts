import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { clip } from '../../../src/cli/output/layout/clip.ts';
import { type ColumnShape, columnWidths, GAP } from '../../../src/cli/output/layout/column-widths.ts';
import { widthAtMost } from '../../../src/cli/output/layout/display-width.ts';
import { wrap } from '../../../src/cli/output/layout/wrap.ts';

const shape = (content: ColumnShape['content'], natural: number, more: Partial<ColumnShape> = {}): ColumnShape => ({
  content,
  natural,
  blank: false,
  ...more,
});

describe('the widths of columns', () => {
  test('are those of the content if it fits, and if there is no limit', () => {
    const shapes = [shape('id', 17), shape('fact', 9), shape('text', 50)];
    expect(columnWidths(shapes, 80)).toEqual([17, 9, 50]);
    expect(columnWidths(shapes, Infinity)).toEqual([17, 9, 50]);
  });

  test('texts and names give way first, the widest most', () => {
    expect(columnWidths([shape('id', 17), shape('name', 40), shape('text', 90)], 79)).toEqual([17, 29, 29]);
  });

  test('columns are left out in their order, those that say nothing before others', () => {
    const shapes = [
      shape('id', 17),
      shape('fact', 9, { drop: 1 }),
      shape('fact', 9, { drop: 2 }),
      shape('fact', 9, { drop: 3, blank: true }),
    ];
    expect(columnWidths(shapes, 45)).toEqual([17, 9, 9, undefined]);
    expect(columnWidths(shapes, 30)).toEqual([17, undefined, 9, undefined]);
    expect(columnWidths(shapes, 20)).toEqual([17, undefined, undefined, undefined]);
  });

  test('an id gives way when little else is left, a fact never', () => {
    expect(columnWidths([shape('id', 90), shape('fact', 9), shape('text', 90)], 60)).toEqual([31, 9, 16]);
    expect(columnWidths([shape('fact', 90)], 60)).toEqual([90]);
  });

  test('fit whatever the content is, if the facts that stay fit', () => {
    const any = fc.record({
      content: fc.constantFrom('id' as const, 'name' as const, 'text' as const),
      natural: fc.integer({ min: 1, max: 9_000 }),
      drop: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
      blank: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 6 }), fc.integer({ min: 60, max: 200 }), (shapes, width) => {
        const widths = columnWidths(shapes, width);
        const shown = widths.filter((one) => one !== undefined);
        expect(shown.reduce((sum, one) => sum + one, GAP * (shown.length - 1))).toBeLessThanOrEqual(width);
        widths.forEach((one, i) => one !== undefined && expect(one).toBeLessThanOrEqual(shapes[i]!.natural));
      }),
    );
  });
});

describe('a text that is shortened', () => {
  for (const [text, columns, at, expected] of [
    ['task-9ppjrd2ysy5f', 17, 'middle', 'task-9ppjrd2ysy5f'],
    ['implementation-worker', 11, 'middle', 'imple…orker'],
    ['read the whole text', 9, 'end', 'read the…'],
    ['設計を確認して', 8, 'end', '設計を…'],
    ['設計を確認して', 8, 'middle', '設計…て'],
    ['a👨‍👩‍👧b👨‍👩‍👧c', 4, 'end', 'a👨‍👩‍👧…'],
  ] as const) {
    test(`${text} to ${columns} columns at the ${at}`, () => {
      expect(clip(text, columns, at, stringWidth)).toBe(expected);
      expect(stringWidth(clip(text, columns, at, stringWidth))).toBeLessThanOrEqual(columns);
    });
  }
});

describe('a line that is wrapped', () => {
  test('breaks at blanks and hangs', () => {
    expect(wrap('summary    one two three four', 20, 11)).toBe('summary    one two\n           three\n           four');
  });

  test('has no break inside a word, also if the word is longer than the line', () => {
    expect(wrap('context    /a/path/that/is/longer, 12 bytes', 20, 11)).toBe(
      'context    /a/path/that/is/longer,\n           12 bytes',
    );
  });

  test('may break between ideographs, and counts them twice', () => {
    expect(wrap('do 設計を確認して', 10, 3)).toBe('do 設計を\n   確認し\n   て');
  });

  test('keeps its words, and fits if each word does', () => {
    const word = fc.oneof(
      fc.stringMatching(/^[a-z/.-]{1,12}$/),
      fc.constantFrom('設計を確認', '😀', '\u001b[31mred\u001b[39m', '…', '␛'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), fc.integer({ min: 30, max: 100 }), (words, width) => {
        const lines = wrap(words.join(' '), width, 4).split('\n');
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
      }),
    );
  });

  test('is never measured too short', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(widthAtMost(text)).toBeGreaterThanOrEqual(stringWidth(text));
      }),
    );
  });
});
