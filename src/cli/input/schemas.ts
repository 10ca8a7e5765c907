import * as z from 'zod/mini';
import { envelopeFields } from '../../core/envelope/envelope.ts';

const f = envelopeFields;

/** What programs write for agentq. */
export const inputs = {
  /** One line of the file. A field that it leaves out is taken from the command line. docs/batch.md describes them. */
  'submit --batch row': z.object({
    to: z.optional(f.to()),
    instructions: z.optional(f.instructions()),
    file: z.optional(z.string()),
    context_ref: z.optional(f.context_ref()),
    task_id: z.optional(f.task_id()),
    idempotency_key: z.optional(f.idempotency_key()),
    type: z.optional(f.type()),
    priority: z.optional(f.priority()),
    from: z.optional(f.from()),
    reply_to: z.optional(f.reply_to()),
    ttl_seconds: z.optional(f.ttl_seconds()),
    delay_seconds: z.optional(f.delay_seconds()),
    not_before: z.optional(f.not_before()),
    max_attempts: z.optional(f.max_attempts()),
    expected_output: z.optional(f.expected_output()),
    group: z.optional(f.group()),
    budget_usd: z.optional(f.budget_usd()),
  }),
} as const;
