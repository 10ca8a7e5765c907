import * as z from 'zod/mini';
import { statuses } from '../../../core/task/task.ts';

// The forms of a task in the JSON output, and of its parts.

export const Moment = z.iso.datetime();
export const Status = z.enum(statuses);
export const text = z.optional(z.string());

export const FileView = z.object({
  name: z.string(),
  ref: z.string(),
  sha256: z.string(),
  size: z.number(),
});
export type FileView = z.infer<typeof FileView>;

export const DriftView = z.object({
  name: z.string(),
  ref: z.string(),
  kind: z.enum(['missing', 'changed', 'unreadable']),
});
export type DriftView = z.infer<typeof DriftView>;

/** The total that was reported. */
export const CostView = z.object({ usd: z.optional(z.number()), tokens: z.optional(z.number()) });

export const AttemptView = z.object({
  number: z.number(),
  worker: z.string(),
  started_at: Moment,
  ended_at: z.optional(Moment),
  outcome: text,
  reason: text,
  artifacts: z.optional(z.array(FileView)),
  cost: z.optional(CostView),
});

/** An outcome that no longer counts, and who has wanted a new one. */
export const RedoView = z.object({
  at: Moment,
  by: z.string(),
  reason: z.string(),
  attempt: z.number(),
  finished_at: Moment,
  completed_by: z.string(),
  summary: text,
  result: z.optional(FileView),
  result_ref: text,
  artifacts: z.array(FileView),
  empty: z.optional(z.boolean()),
});
export type RedoView = z.infer<typeof RedoView>;

export const TaskView = z.object({
  task_id: z.string(),
  status: Status,
  from: z.string(),
  to: z.string(),
  type: z.string(),
  priority: z.string(),
  instructions: text,
  submitted_at: Moment,
  updated_at: Moment,
  max_attempts: z.number(),
  attempts: z.array(AttemptView),
  /** Its former outcomes, the oldest first. Absent if it was never redone. */
  redone: z.optional(z.array(RedoView)),
  /** The number of refused completions and failures: too late, or not from the holder of the task. */
  refused: z.number(),
  group: text,
  budget_usd: z.optional(z.number()),
  /** The sum of its attempts. */
  cost: z.optional(CostView),
  context: z.optional(FileView),
  /** queued */
  ready_at: z.optional(Moment),
  /** queued: why no attempt begins, if a budget is used up. Only in `status ID`, `show`, `list` and `wait`. */
  waits_for_budget: text,
  /** queued with a TTL, scheduled: the next time at which it changes by itself */
  due_at: z.optional(Moment),
  /** scheduled */
  why: z.optional(z.enum(['delay', 'backoff'])),
  /** working */
  lease: z.optional(
    z.object({
      attempt: z.number(),
      worker: z.string(),
      expires_at: Moment,
      /** The length that the claim took. */
      seconds: z.optional(z.number()),
    }),
  ),
  progress: z.optional(z.object({ percent: z.optional(z.number()), note: text, at: Moment })),
  /** completed */
  summary: text,
  completed_by: text,
  result: z.optional(FileView),
  /** From a third-party worker: it has no recorded hash. */
  result_ref: text,
  artifacts: z.optional(z.array(FileView)),
  /** completed: whether the worker delivered nothing */
  empty: z.optional(z.boolean()),
  /** completed, failed, cancelled, expired */
  finished_at: z.optional(Moment),
  /** failed, cancelled */
  reason: text,
  cancelled_by: text,
  /** cancelled: when its worker said that its processes are gone */
  stopped_at: z.optional(Moment),
  /** failed, expired: when it was purged from the dead letters */
  dismissed_at: z.optional(Moment),
});
export type TaskView = z.infer<typeof TaskView>;
