import * as z from 'zod/mini';
import { policyDocument } from '../../../core/policy/document.ts';
import { Moment, text } from './task-schemas.ts';

const policyView = z.object({
  /** 0 if no policy was applied. */
  version: z.number(),
  applied_by: text,
  applied_at: z.optional(Moment),
  /** The document, as it was applied. */
  document: z.optional(policyDocument()),
  budgets: z.array(
    z.object({
      role: text,
      group: text,
      usd: z.number(),
      per: z.optional(z.enum(['day'])),
      /** What counts towards it: in total, or today in UTC. */
      spent_usd: z.number(),
    }),
  ),
});

/** The output of the commands on notes and on the policy. */
export const thingOutputs = {
  'note TEXT': z.object({ note_id: z.string() }),
  note: z.object({
    notes: z.array(z.object({ note_id: z.string(), text: z.string(), group: text, by: z.string(), at: Moment })),
    /** Whether there are older ones. */
    more: z.boolean(),
  }),
  'note --remove': z.object({ note_id: z.string(), changed: z.boolean() }),
  'policy apply': z.object({ version: z.number(), changed: z.boolean() }),
  policy: policyView,
  'policy show': policyView,
} as const;
