import { posix } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkName, isName, name, type NameKind } from '../../src/core/identifiers.ts';

/** The maximum length of each kind, and its characters besides letters and digits. They cannot be the first one. */
const kinds: Record<NameKind, { readonly longest: number; readonly marks: string }> = {
  'task id': { longest: 128, marks: '._-' },
  role: { longest: 64, marks: '_-' },
  'agent name': { longest: 128, marks: '@:._-' },
  'task type': { longest: 64, marks: '._-' },
  group: { longest: 64, marks: '._-' },
  'queue name': { longest: 200, marks: '@:._-' },
  'artifact name': { longest: 100, marks: '._-' },
};
const every = Object.entries(kinds) as [NameKind, (typeof kinds)[NameKind]][];

describe.for(every)('a name of the kind %s', ([kind, { longest, marks }]) => {
  test(`may contain letters, digits and ${marks}`, () => {
    expect(isName(kind, `aZ0${marks}9`)).toBe(true);
    expect(isName(kind, '0')).toBe(true);
  });

  test.for('@:._-'.split('').filter((mark) => !marks.includes(mark)))('cannot contain %s', (mark) => {
    expect(isName(kind, `a${mark}b`)).toBe(false);
  });

  test.for(marks.split(''))('cannot begin with %s', (mark) => {
    expect(isName(kind, `${mark}a`)).toBe(false);
  });

  test.for(['', ' ', 'a b', 'a/b', '..', '../a', 'a\\b', 'a~2', 'a\n', 'a\0', 'ä', 'a%2e', 'a*', 'a?', 'a#b'])(
    'cannot be %j',
    (value) => {
      expect(isName(kind, value)).toBe(false);
    },
  );

  test(`has at most ${longest} characters`, () => {
    expect(isName(kind, 'a'.repeat(longest))).toBe(true);
    expect(isName(kind, 'a'.repeat(longest + 1))).toBe(false);
  });

  test('is never a path out of its folder', () => {
    const paths = fc.string({ unit: fc.constantFrom('.', '/', '\\', 'a', '1', '-', '_', ':', '@', '~'), maxLength: 8 });
    fc.assert(
      fc.property(paths, (value) => {
        fc.pre(isName(kind, value));
        expect(posix.normalize(posix.join('/store/tasks', value))).toBe(`/store/tasks/${value}`);
      }),
      { numRuns: 100 },
    );
  });

  test('is returned by the check if it is valid, and otherwise refused with its kind', () => {
    expect(checkName(kind, 'a-1')).toBe('a-1');
    expect(() => checkName(kind, 'a/b')).toThrow(
      expect.objectContaining({
        code: 'invalid-name',
        message: `"a/b" is not a valid ${kind}`,
        hint: expect.stringContaining(`at most ${longest}`),
      }),
    );
  });

  test('is accepted by its schema if it is valid, and otherwise the error contains what is allowed', () => {
    expect(name(kind).parse('a-1')).toBe('a-1');
    const parsed = name(kind).safeParse('a/b');
    expect(parsed.error?.issues[0]?.message).toMatch(new RegExp(`^is not a valid ${kind}: letters, digits,`));
  });
});

test.for<NameKind>(['task id', 'artifact name'])(
  'a %s, which is used as a file name, cannot contain two dots in a row',
  (kind) => {
    expect(isName(kind, 'a..b')).toBe(false);
    expect(isName(kind, 'a.b.c')).toBe(true);
  },
);
