import * as z from 'zod/mini';
import { LONGEST } from './duration.ts';
import { AgentqError } from './errors.ts';
import { name } from './identifiers.ts';
import { priorities } from './priority.ts';

/** The most bytes that an envelope may have as JSON: the queue carries who, what and where, the store the rest. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;

const atMost = () => z.lte(LONGEST / 1_000, { error: 'is longer than a hundred years' });

/** What an envelope and a submission say alike; a function, because most commands read neither. */
export const commonFields = () => ({
  type: z._default(name('task type'), 'task'),
  priority: z._default(z.enum(priorities, { error: `is not one of ${priorities.join(', ')}` }), 'normal'),
  ttl_seconds: z.optional(z.number().check(z.positive({ error: 'must be more than 0 seconds' }), atMost())),
  context_ref: z.optional(z.string()),
  instructions: z.optional(z.string()),
  expected_output: z.optional(
    z.looseObject({ format: z.optional(z.string()), artifacts: z.optional(z.array(name('artifact name'))) }),
  ),
  max_attempts: z.optional(z.int().check(z.positive({ error: 'must be at least 1' }))),
  idempotency_key: z.optional(
    z.string().check(
      z.minLength(1, { error: 'is empty' }),
      z.refine((key: string) => key.length <= 200, { error: 'is longer than 200 characters' }),
    ),
  ),
  delay_seconds: z.optional(z.number().check(z.nonnegative({ error: 'must not be negative' }), atMost())),
  not_before: z.optional(
    z.iso.datetime({ offset: true, error: 'is not an ISO 8601 time such as 2027-01-31T09:00:00Z' }),
  ),
});

/**
 * The task envelope, flat JSON with the names of the mission's first form. Further fields are kept as they are.
 * `delay_seconds` counts from the submit; `not_before` is a moment. Only one of them is set.
 */
export const envelopeSchema = () =>
  z.looseObject({
    task_id: name('task id'),
    from: name('agent name'),
    to: name('role'),
    reply_to: name('queue name'),
    ...commonFields(),
  });
export type Envelope = z.infer<ReturnType<typeof envelopeSchema>>;

/** @throws AgentqError `too-large` */
export function checkEnvelopeSize(envelope: Envelope): void {
  const size = Buffer.byteLength(JSON.stringify(envelope));
  if (size <= MAX_ENVELOPE_BYTES) return;
  throw new AgentqError(
    'too-large',
    `the envelope has ${size} bytes, the limit is ${MAX_ENVELOPE_BYTES}`,
    'put the long text into a file and submit it with --file',
  );
}
