import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { taskIdOfKey } from '../../src/core/envelope/idempotency-key.ts';
import { isName } from '../../src/core/identifiers.ts';

test.for(['nightly', 'ünïcödé/../ any text', 'k'.repeat(200)])('the key %s has the same id everywhere', (key) => {
  const id = taskIdOfKey(key);
  expect(id).toBe(`key-${createHash('sha256').update(key, 'utf8').digest('hex').slice(0, 16)}`);
  expect(isName('task id', id)).toBe(true);
});
