import * as z from 'zod/mini';
import { isFinished, type Task } from './task.ts';

/** What a coordinator finds in its inbox when a task has ended; the mission's second form. */
export const ResultMessage = z.looseObject({
  task_id: z.string(),
  from: z.string(),
  to: z.string(),
  status: z.enum(['completed', 'failed', 'cancelled', 'expired']),
  result_ref: z.optional(z.string()),
  summary: z.optional(z.string()),
  reason: z.optional(z.string()),
  /** A line for each piece of evidence that is no longer what was recorded. */
  drift: z.optional(z.array(z.string())),
});
export type ResultMessage = z.infer<typeof ResultMessage>;

/**
 * The message that a finished task sends to its `reply_to`; undefined while it has not ended.
 * @param refOf turns a path of the store into a reference that the reader can open
 */
export function resultMessage(task: Task, refOf: (path: string) => string): ResultMessage | undefined {
  if (!isFinished(task)) return undefined;
  const base = { task_id: task.id, from: task.envelope.to, to: task.envelope.from };
  switch (task.status) {
    case 'completed': {
      const { by, result, result_ref, summary } = task.completion;
      return {
        ...base,
        from: by,
        status: 'completed',
        ...(result ? { result_ref: refOf(result.path) } : result_ref !== undefined && { result_ref }),
        ...(summary !== undefined && { summary }),
      };
    }
    case 'failed':
      return { ...base, status: 'failed', reason: task.reason };
    case 'expired':
      return { ...base, status: 'expired', reason: 'nobody started it before its TTL passed' };
    case 'cancelled':
      return { ...base, status: 'cancelled', reason: task.reason ?? `cancelled by ${task.by}` };
    default:
      return task satisfies never;
  }
}
