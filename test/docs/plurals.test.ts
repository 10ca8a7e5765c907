import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

/** What messages count. */
const NOUNS =
  '(?:attempt|byte|day|dead letter|event|fault|field|file|hour|id|line|lease|link|message|minute|note|piece|place|problem|queue|role|row|second|snapshot|task|thing|time|worker)s|copies|entries|processes';

/** `${n} tasks`, and `${n} more tasks`. The name of a constant is in capitals, and a limit is more than 1. */
const counting = new RegExp(
  String.raw`\$\{(?!counted\()(?![A-Z_]+\}|limits\.)([^{}]*)\} (?:more )?(?:${NOUNS})\b`,
  'g',
);

/** Expressions that are no numbers, or that are limits. */
const NO_COUNTS =
  /^(most|what|verb|one|where|kind|status|type|name|id|from|outcome|word|dir|source|place|product\.\w+)$/;

test('messages count with counted(), so that 1 is not followed by a plural', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const found = files.flatMap((file) =>
    [...readFileSync(join(SRC, file), 'utf8').matchAll(counting)]
      .filter(([, expression]) => !NO_COUNTS.test(expression!))
      .map(([text]) => `${file}: ${text}`),
  );
  expect(found).toEqual([]);
});
