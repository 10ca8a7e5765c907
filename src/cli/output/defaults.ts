import { statuses } from '../../core/task/task.ts';
import { DEFAULT_MAX_ATTEMPTS } from '../../core/task/retry.ts';
import { DEFAULT_PRIORITY, DEFAULT_TYPE } from '../../core/envelope/envelope.ts';

/** The values that --compact leaves out wherever the field stands. docs/output.md lists them. */
export const defaults: Readonly<Record<string, unknown>> = {
  type: DEFAULT_TYPE,
  priority: DEFAULT_PRIORITY,
  refused: 0,
  dead: 0,
  ...Object.fromEntries(statuses.map((status) => [status, 0])),
};

/** The same of a task only: an envelope without the field has the setting of its role. */
export const defaultsOfTasks: Readonly<Record<string, unknown>> = { max_attempts: DEFAULT_MAX_ATTEMPTS };

/** The fields of a task that are always those of its envelope. */
export const OF_ENVELOPE: ReadonlySet<string> = new Set([
  'task_id',
  'from',
  'to',
  'type',
  'priority',
  'instructions',
  'group',
  'budget_usd',
]);

/** What --compact prints of a task in a list, unless --fields picks. `show` prints the rest. */
export const digests: Readonly<Record<string, string>> = {
  list: 'tasks.task_id,tasks.status,tasks.from,tasks.to,tasks.type,tasks.priority,tasks.group,tasks.instructions,tasks.due_at,tasks.progress.percent,tasks.reason,tasks.empty,tasks.waits_for_budget,tasks.stuck.detail',
  wait: 'budgets_used_up,tasks.waits_for_budget,tasks.task_id,tasks.status,tasks.to,tasks.group,tasks.instructions,tasks.summary,tasks.empty,tasks.reason,tasks.cancelled_by,tasks.result.ref,tasks.result_ref,tasks.artifacts.name,tasks.artifacts.ref',
  dlq: 'tasks.task_id,tasks.status,tasks.to,tasks.group,tasks.instructions,tasks.reason,tasks.finished_at',
};

/** Fields that stand once at the top of a list if all its tasks have the same value. */
export const SHARED = ['from', 'to', 'type', 'group'] as const;

/** The longest texts of tasks in a list, in characters. */
export const LONGEST_IN_LISTS: Readonly<Record<string, number>> = { instructions: 60, summary: 120, reason: 120 };
