import { counted } from '../counted.ts';
import * as z from 'zod/mini';
import { usdForm } from '../cost.ts';
import { LONGEST } from '../duration.ts';
import { AgentqError } from '../errors.ts';
import { name } from '../identifiers.ts';
import { MAX_ENVELOPE_BYTES } from '../limits.ts';
import { priorities } from './priority.ts';

/** The defaults for fields that an envelope leaves out. */
export const DEFAULT_TYPE = 'task';
export const DEFAULT_PRIORITY = 'normal';

const atMost = () => z.lte(LONGEST / 1_000, { error: 'is longer than a hundred years' });

/** One schema for each field, created on demand, so that a submit creates only those that it uses. */
export const envelopeFields = {
  task_id: () => name('task id'),
  from: () => name('agent name'),
  to: () => name('role'),
  reply_to: () => name('queue name'),
  type: () => name('task type'),
  priority: () => z.enum(priorities, { error: `is not one of ${priorities.join(', ')}` }),
  ttl_seconds: () => z.number().check(z.positive({ error: 'must be more than 0 seconds' }), atMost()),
  context_ref: () => z.string(),
  instructions: () => z.string(),
  expected_output: () =>
    z.looseObject({ format: z.optional(z.string()), artifacts: z.optional(z.array(name('artifact name'))) }),
  max_attempts: () => z.int().check(z.positive({ error: 'must be at least 1' })),
  idempotency_key: () =>
    z.string().check(
      z.minLength(1, { error: 'is empty' }),
      z.refine((key: string) => key.length <= 200, { error: 'is longer than 200 characters' }),
    ),
  delay_seconds: () => z.number().check(z.nonnegative({ error: 'must not be negative' }), atMost()),
  not_before: () => z.iso.datetime({ offset: true, error: 'is not an ISO 8601 time such as 2027-01-31T09:00:00Z' }),
  group: () => name('group'),
  budget_usd: () => usdForm().check(z.gt(0, { error: 'must be more than 0 dollars' })),
} as const;

/**
 * The task envelope, flat JSON with the names of the mission's first form. Unknown fields are kept unchanged.
 * `delay_seconds` counts from the submit; `not_before` is a point in time. Only one of them is set. `group` and
 * `budget_usd` are read by `group.ts` and `budget.ts`: version 0.1 kept any value under these names.
 */
export const envelopeSchema = () => {
  const f = envelopeFields;
  return z.looseObject({
    task_id: f.task_id(),
    from: f.from(),
    to: f.to(),
    reply_to: f.reply_to(),
    type: z._default(f.type(), DEFAULT_TYPE),
    priority: z._default(f.priority(), DEFAULT_PRIORITY),
    ttl_seconds: z.optional(f.ttl_seconds()),
    context_ref: z.optional(f.context_ref()),
    instructions: z.optional(f.instructions()),
    expected_output: z.optional(f.expected_output()),
    max_attempts: z.optional(f.max_attempts()),
    idempotency_key: z.optional(f.idempotency_key()),
    delay_seconds: z.optional(f.delay_seconds()),
    not_before: z.optional(f.not_before()),
  });
};
export type Envelope = z.infer<ReturnType<typeof envelopeSchema>>;

/** An envelope in a log. Its writer has checked it, by the rules of its version. */
export const loggedEnvelope = () => {
  const text = z.optional(z.string());
  const number = z.optional(z.number());
  return z.looseObject({
    task_id: z.string(),
    from: z.string(),
    to: z.string(),
    reply_to: z.string(),
    type: z.string(),
    priority: z.enum(priorities),
    ttl_seconds: number,
    context_ref: text,
    instructions: text,
    expected_output: z.optional(z.looseObject({ format: text, artifacts: z.optional(z.array(z.string())) })),
    max_attempts: number,
    idempotency_key: text,
    delay_seconds: number,
    not_before: text,
  });
};

/** @throws AgentqError `too-large` */
export function checkEnvelopeSize(envelope: Envelope): void {
  const size = Buffer.byteLength(JSON.stringify(envelope));
  if (size <= MAX_ENVELOPE_BYTES) return;
  throw new AgentqError(
    'too-large',
    `the envelope has ${counted(size, 'byte')}, the limit is ${MAX_ENVELOPE_BYTES}`,
    'put the long text into a file and submit it with --file',
  );
}
