import * as z from 'zod/mini';
import { configSchema } from '../../app/workspace/config.ts';
import { costForm } from '../../core/cost.ts';
import { envelopeFields, envelopeSchema } from '../../core/envelope/envelope.ts';
import { Evidence } from '../../core/evidence/evidence.ts';
import { policyDocument } from '../../core/policy/document.ts';
import { ResultMessage } from '../../core/result/result-message.ts';

const f = envelopeFields;

/**
 * What programs and people write for agentq, outside of the command line. Schemas of objects without further fields are
 * strict.
 */
export const inputs = {
  /** One line of the file. A field that it leaves out is taken from the command line. docs/batch.md describes them. */
  'submit --batch row': z.strictObject({
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
    expected_output: z.optional(z.strictObject(f.expected_output().shape)),
    group: z.optional(f.group()),
    budget_usd: z.optional(f.budget_usd()),
  }),
  /** The file config.json of a workspace. docs/config.md describes it. */
  config: configSchema({ broker: {}, defaults: {}, retention: {}, roles: {} }),
  /** The message by which a third-party coordinator submits a task on a broker. docs/brokers.md describes it. */
  envelope: z.looseObject({
    ...envelopeSchema().shape,
    from: z.optional(f.from()),
    reply_to: z.optional(f.reply_to()),
  }),
  /** The message by which a third-party worker ends a task on a broker. docs/brokers.md describes it. */
  'result message': z.looseObject({
    ...ResultMessage.shape,
    status: z.enum(['completed', 'failed']),
    attempt: z.optional(z.number()),
    artifacts: z.optional(z.array(Evidence)),
  }),
  /** The file of `agentq policy apply`. */
  'policy apply FILE': policyDocument(),
  /** The file AGENTQ_COST_FILE of a child of `agentq work`: the cost of the attempt so far. */
  AGENTQ_COST_FILE: costForm(),
} as const;
