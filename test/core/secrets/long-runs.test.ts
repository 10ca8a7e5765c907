import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longRuns } from '../../../src/core/secrets/long-runs.ts';

/** Texts whose runs are about as long as the shortest one that counts. */
const texts = fc
  .array(
    fc.oneof(
      {
        arbitrary: fc.string({
          unit: fc.constantFrom('a', 'Z', '0', '_', '+', '/', '=', '~', '.', ':', '-'),
          minLength: 9,
          maxLength: 26,
        }),
        weight: 2,
      },
      fc.string({ unit: fc.constantFrom(' ', '\n', '"', '\0', 'é', '\u{1f600}'), maxLength: 3 }),
    ),
  )
  .map((parts) => parts.join(''));

test('the long runs of a text are the matches of one expression', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(longRuns(text)).toEqual(text.match(/[\w+/=~.:-]{12,}/g) ?? []);
    }),
    { numRuns: 2_000 },
  );
});
