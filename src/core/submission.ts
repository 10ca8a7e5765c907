import * as z from 'zod/mini';
import { commonFields } from './envelope.ts';
import { AgentqError } from './errors.ts';
import { name } from './identifiers.ts';
import { inputError } from './issue.ts';

/** An envelope as a submitter writes it: what is left out is filled in from the identity and the defaults. */
const submissionSchema = () =>
  z.looseObject({
    task_id: z.optional(name('task id')),
    from: z.optional(name('agent name')),
    to: name('role'),
    reply_to: z.optional(name('queue name')),
    ...commonFields(),
  });
export type Submission = z.infer<ReturnType<typeof submissionSchema>>;

let schema: ReturnType<typeof submissionSchema> | undefined;

/**
 * @param nameOf how whoever wrote it calls a field
 * @throws AgentqError `invalid-name` or `usage` that names the first field that is wrong
 */
export function parseSubmission(
  json: unknown,
  nameOf = (path: readonly PropertyKey[]): string => path.join('.'),
): Submission {
  const parsed = (schema ??= submissionSchema()).safeParse(json);
  if (!parsed.success) throw inputError(parsed.error, nameOf);
  const { delay_seconds, not_before } = parsed.data;
  if (delay_seconds !== undefined && not_before !== undefined) {
    const both = `${nameOf(['delay_seconds'])} and ${nameOf(['not_before'])}`;
    throw new AgentqError('usage', `${both} say two different things`, 'give one of them');
  }
  return parsed.data;
}
