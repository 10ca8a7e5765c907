import { describe, expect, test as base } from 'vitest';
import { visible, visibleJson, visibleText } from '../../src/cli/output/visible.ts';
import { fixtures, type Shells } from '../cli/harness.ts';

const test = base.extend<Shells>(fixtures);

/** The rule behind the ranges in the program, in terms of Unicode properties. */
const rule = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\ufff9-\ufffb]/u;

const everyCharacter = Array.from({ length: 0x110000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

test('exactly the invisible characters and control characters are escaped', () => {
  const wrong = everyCharacter.filter((char) => (visible(char) === char) === rule.test(char));
  expect(wrong.map((char) => char.codePointAt(0)!.toString(16))).toEqual([]);
});

test('escaped JSON has the same value', () => {
  const odd = everyCharacter.filter((char) => rule.test(char));
  const json = visibleJson(JSON.stringify(odd));
  expect(rule.test(json)).toBe(false);
  expect(JSON.parse(json)).toEqual(odd);
});

describe('a character that is part of an emoji', () => {
  for (const emoji of [
    '⚠\ufe0f',
    '❤\ufe0f',
    '👩\u200d💻',
    '🏳\ufe0f\u200d🌈',
    '👨🏽\u200d🚀',
    '👨\u200d👩\u200d👧',
    '✅',
  ]) {
    test(`stays in ${emoji}`, () => {
      expect(visible(`a${emoji}b`)).toBe(`a${emoji}b`);
      expect(visibleText(`a\n\t${emoji}`)).toBe(`a\n\t${emoji}`);
    });
  }

  for (const [text, shown] of [
    ['a\ufe0fb', 'a\\ufe0fb'],
    ['a\u200db', 'a\\u200db'],
    ['❤\ufe0f\ufe0f', '❤\ufe0f\\ufe0f'],
    ['👩\u200d', '👩\\u200d'],
    ['\u200d💻', '\\u200d💻'],
    ['👩\u200d\u200d💻', '👩\\u200d\\u200d💻'],
    ['1\ufe0f', '1\\ufe0f'],
    ['🏴\u{e0067}\u{e007f}', '🏴\\u{e0067}\\u{e007f}'],
  ] as const) {
    test(`is escaped elsewhere: ${shown}`, () => {
      expect(visible(text)).toBe(shown);
    });
  }
});

/** Encodes a text in invisible characters: each code point is increased by this number. */
const shifted = (by: number) => 'ignore this'.replace(/./g, (char) => String.fromCodePoint(by + char.codePointAt(0)!));

/** Hidden instructions to a program, in the known encodings. */
const hidden: Readonly<Record<string, string>> = {
  'tag characters': shifted(0xe0000),
  'variation selectors': shifted(0xe0100),
  'zero-width bits': '\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff',
  'soft hyphens and fillers': 'pass\u00adword\u180e\u3164\u115f\u034f',
};

describe('a summary with hidden text', () => {
  for (const [what, text] of Object.entries(hidden)) {
    test(`is shown escaped to people and to programs: ${what}`, async ({ q }) => {
      await q.submit('t');
      await q.ok('complete', 't', '--from', 'r', '--summary', `done${text}`);
      const terminal = q.with({ tty: true, env: { NO_COLOR: '1' } });
      for (const args of [
        ['status', 't'],
        ['show', 't'],
        ['result', 't'],
        ['inbox', '--keep'],
        ['list', '--json'],
      ]) {
        const { stdout } = await terminal.run(...args);
        expect(stdout.split('\n').filter((line) => rule.test(line))).toEqual([]);
      }
      expect((await q.json('result', 't')).summary).toBe(`done${text}`);
    });
  }
});
