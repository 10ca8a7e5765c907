import * as z from 'zod/mini';
import { isFinished, type Task } from '../task/task.ts';

/** The message in a coordinator's inbox when a task has ended; the mission's second form. */
export const ResultMessage = z.looseObject({
  task_id: z.string(),
  from: z.string(),
  to: z.string(),
  status: z.enum(['completed', 'failed', 'cancelled', 'expired']),
  result_ref: z.optional(z.string()),
  summary: z.optional(z.string()),
  reason: z.optional(z.string()),
  /** completed: whether the worker delivered nothing */
  empty: z.optional(z.boolean()),
  /** One line for each piece of evidence that differs from its record. */
  drift: z.optional(z.array(z.string())),
});
export type ResultMessage = z.infer<typeof ResultMessage>;

/**
 * The result message of a finished task for its `reply_to`; undefined before the end of the task.
 * @param refOf turns a path of the store into a reference that the reader can open
 */
export function resultMessage(task: Task, refOf: (path: string) => string): ResultMessage | undefined {
  if (!isFinished(task)) return undefined;
  const base = { task_id: task.id, from: task.envelope.to, to: task.envelope.from };
  switch (task.status) {
    case 'completed': {
      const { by, result, result_ref, summary, empty } = task.completion;
      return {
        ...base,
        from: by,
        status: 'completed',
        ...(result ? { result_ref: refOf(result.path) } : result_ref !== undefined && { result_ref }),
        ...(summary !== undefined && { summary }),
        ...(empty && { empty }),
      };
    }
    case 'failed':
      return { ...base, status: 'failed', reason: task.reason };
    case 'expired':
      return { ...base, status: 'expired', reason: 'no worker started it before its TTL passed' };
    case 'cancelled':
      return { ...base, status: 'cancelled', reason: task.reason ?? `cancelled by ${task.by}` };
    default:
      return task satisfies never;
  }
}
