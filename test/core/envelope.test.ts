import { describe, expect, test } from 'vitest';
import { checkEnvelopeSize, envelopeSchema } from '../../src/core/envelope/envelope.ts';
import { budgetOf } from '../../src/core/envelope/budget.ts';
import { groupOf } from '../../src/core/envelope/group.ts';
import { MAX_ENVELOPE_BYTES } from '../../src/core/limits.ts';
import { envelope } from './tasks.ts';

const least = { task_id: 'a', from: 'coordinator', to: 'implementer', reply_to: 'results.coordinator' };
const schema = envelopeSchema();
const HUNDRED_YEARS = 36_500 * 86_400;

test('a minimal envelope is a task of normal priority', () => {
  expect(schema.parse(least)).toEqual({ ...least, type: 'task', priority: 'normal' });
});

test('an envelope keeps every field unchanged, also unknown fields', () => {
  const full = {
    ...least,
    type: 'code-review',
    priority: 'high',
    ttl_seconds: 1.5,
    context_ref: 'tasks/a.md',
    instructions: 'do it',
    expected_output: { format: 'markdown', artifacts: ['patch'], tone: 'dry' },
    max_attempts: 5,
    idempotency_key: 'any text: ü',
    not_before: '2027-01-31T09:00:00.5+01:00',
    labels: { deep: [1, null, { er: true }] },
  };
  expect(schema.parse(full)).toEqual(full);
});

test.for(['ttl_seconds', 'delay_seconds'])('the %s of an envelope may be a hundred years', (field) => {
  expect(schema.safeParse({ ...least, [field]: HUNDRED_YEARS }).success).toBe(true);
});

describe('an envelope is refused', () => {
  test.for(['task_id', 'from', 'to', 'reply_to'] as const)('without %s', (field) => {
    const { [field]: _, ...rest } = least;
    expect(schema.safeParse(rest).error?.issues[0]?.path).toEqual([field]);
  });

  test.for<[string, unknown]>([
    ['task_id', '../a'],
    ['from', 'a/b'],
    ['to', 'a.b'],
    ['reply_to', '.hidden'],
    ['type', ''],
    ['priority', 'urgent'],
    ['ttl_seconds', 0],
    ['ttl_seconds', -1],
    ['ttl_seconds', '60'],
    ['ttl_seconds', Infinity],
    ['ttl_seconds', Number.NaN],
    ['instructions', 1],
    ['expected_output', 'patch'],
    ['expected_output', { artifacts: ['a/b'] }],
    ['expected_output', { artifacts: 'patch' }],
    ['max_attempts', 0],
    ['max_attempts', 1.5],
    ['idempotency_key', ''],
    ['idempotency_key', 'k'.repeat(201)],
    ['delay_seconds', -1],
    ['delay_seconds', Infinity],
    ['not_before', 'tomorrow'],
    ['not_before', '2027-01-31'],
    ['not_before', '2027-01-31T09:00:00'],
    ['not_before', '2027-02-29T09:00:00Z'],
  ])('with the %s %j', ([field, value]) => {
    expect(schema.safeParse({ ...least, [field]: value }).error?.issues[0]?.path[0]).toBe(field);
  });

  // A time so far away is outside the range of a Date, and SQLite cannot store it as an integer.
  test.for<[string, number]>([
    ['ttl_seconds', HUNDRED_YEARS + 1],
    ['delay_seconds', HUNDRED_YEARS + 1],
    ['ttl_seconds', 1e13],
    ['ttl_seconds', 1e306],
    ['delay_seconds', 1e13],
    ['delay_seconds', 1e306],
  ])('with a %s beyond the range of a Date: %d', ([field, value]) => {
    expect(schema.safeParse({ ...least, [field]: value }).success).toBe(false);
  });
});

describe('the size of an envelope', () => {
  const filled = (character: string, bytes: number) => {
    const room = bytes - Buffer.byteLength(JSON.stringify(envelope({ instructions: '' })));
    return envelope({ instructions: character.repeat(room / Buffer.byteLength(character)) });
  };

  test.for(['a', 'ü'])('may be the limit, counted in bytes: %s', (character) => {
    const even = filled(character, MAX_ENVELOPE_BYTES - (MAX_ENVELOPE_BYTES % 2));
    expect(() => checkEnvelopeSize(even)).not.toThrow();
  });

  test.for(['a', 'ü'])('may not be more than the limit: %s', (character) => {
    const tooMuch = filled(character, MAX_ENVELOPE_BYTES + 2);
    expect(() => checkEnvelopeSize(tooMuch)).toThrow(
      expect.objectContaining({ code: 'too-large', message: expect.stringContaining(String(MAX_ENVELOPE_BYTES)) }),
    );
  });

  test('is 64 KiB at most', () => {
    expect(MAX_ENVELOPE_BYTES).toBe(65_536);
  });
});

test('version 0.1 kept any value under the names of later fields: such a value is no group and no budget', () => {
  const old = schema.parse({ ...least, group: { name: 'a' }, budget_usd: '5' });
  expect([groupOf(old), budgetOf(old)]).toEqual([undefined, undefined]);
  expect(old).toMatchObject({ group: { name: 'a' }, budget_usd: '5' });
  expect([groupOf({ ...old, group: 'a/b' }), budgetOf({ ...old, budget_usd: -1 })]).toEqual([undefined, undefined]);
  expect([groupOf({ ...old, group: 'a' }), budgetOf({ ...old, budget_usd: 5 })]).toEqual(['a', 5]);
});
