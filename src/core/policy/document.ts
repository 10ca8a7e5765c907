import * as z from 'zod/mini';
import { usdForm } from '../cost.ts';
import { name } from '../identifiers.ts';

/** What the tasks of one role, of one group, or all tasks may cost together. */
export interface Budget {
  readonly role?: string | undefined;
  readonly group?: string | undefined;
  readonly usd: number;
  /** Absent: in total. A day is a day in UTC. */
  readonly per?: 'day' | undefined;
}

/**
 * A policy as people write it. It is complete: what it does not contain does not apply. An unknown field is refused, so
 * that a later version can add some.
 */
export interface PolicyDocument {
  readonly budgets?: readonly Budget[] | undefined;
}

/** The schema of a document. A schema of a later version may contain more fields. */
export const policyDocument = () =>
  z.strictObject({
    budgets: z.optional(
      z.array(
        z
          .strictObject({
            role: z.optional(name('role')),
            group: z.optional(name('group')),
            usd: usdForm(),
            per: z.optional(z.enum(['day'], { error: 'must be "day", or absent for the total' })),
          })
          .check(
            z.refine(({ role, group }) => role === undefined || group === undefined, {
              error: 'has a role and a group: name one of them',
            }),
          ),
      ),
    ),
  });
