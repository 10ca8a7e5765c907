import * as z from 'zod/mini';
import { envelopeSchema } from '../../core/envelope/envelope.ts';
import { ResultMessage } from '../../core/result/result-message.ts';
import { statuses } from '../../core/task/task.ts';

/**
 * The output of every command with --json. It is a contract with the programs that read it: fields may be added, but
 * not renamed or removed. Times are ISO 8601, UTC.
 */
const Moment = z.iso.datetime();
const Status = z.enum(statuses);
const text = z.optional(z.string());

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
const CostView = z.object({ usd: z.optional(z.number()), tokens: z.optional(z.number()) });

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
  /** The number of refused completions and failures: too late, or not from the holder of the task. */
  refused: z.number(),
  group: text,
  budget_usd: z.optional(z.number()),
  /** The sum of its attempts. */
  cost: z.optional(CostView),
  context: z.optional(FileView),
  /** queued */
  ready_at: z.optional(Moment),
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

/** Why a task seems to be stuck. */
export const StuckView = z.object({
  reason: z.enum(['no-sign', 'only-renewed', 'no-worker']),
  since: Moment,
  detail: z.string(),
  /** only-renewed: how often since then */
  renewals: z.optional(z.number()),
});
export type StuckView = z.infer<typeof StuckView>;

export const RoleView = z.object({
  role: z.string(),
  tasks: z.record(Status, z.number()),
  oldest_ready_at: z.optional(Moment),
  /** When the next scheduled task becomes ready. */
  next_due_at: z.optional(Moment),
  workers: z.array(z.object({ worker: z.string(), seen_at: Moment })),
});

const Changed = z.object({ task_id: z.string(), status: Status, changed: z.boolean() });

export const outputs = {
  init: z.object({
    dir: z.string(),
    store: z.string(),
    created: z.boolean(),
    /** Present if the queue is on a broker. */
    broker: z.optional(
      z.object({
        product: z.object({ name: z.string(), version: z.string() }),
        place: z.string(),
        queues: z.object({ type: z.enum(['classic', 'quorum']), because: text }),
        declared: z.array(z.string()),
        guarantees: z.array(z.object({ promise: z.string(), by: z.string(), how: z.string() })),
      }),
    ),
  }),
  submit: z.object({
    task_id: z.string(),
    status: Status,
    /** Absent if `kept`. */
    created: z.optional(z.boolean()),
    /** It waits in the outbox during an outage. */
    kept: z.optional(z.boolean()),
  }),
  'submit --batch': z.object({ task_ids: z.array(z.string()), created: z.number() }),
  wait: z.object({
    done: z.boolean(),
    /** With --any only those that have ended. */
    tasks: z.array(TaskView),
    /** With --any: how many have not ended. */
    pending: z.optional(z.number()),
    /** With --any: for `--since`. */
    cursor: text,
    /** With --any: true if more have ended than were printed. */
    more: z.optional(z.boolean()),
  }),
  status: z.object({ roles: z.array(RoleView), dead: z.number() }),
  'status --stuck': z.object({
    /** Roles with tasks that have waited for long, and without a worker. */
    roles: z.array(
      z.object({
        role: z.string(),
        queued: z.number(),
        oldest_ready_at: Moment,
        /** When a worker was last seen. Absent if none was. */
        worker_seen_at: z.optional(Moment),
      }),
    ),
    /** Running tasks. */
    tasks: z.array(
      z.object({
        task_id: z.string(),
        to: z.string(),
        attempt: z.number(),
        worker: z.string(),
        stuck: StuckView,
      }),
    ),
  }),
  'status ID': z.object({ ...TaskView.shape, drift: z.array(DriftView) }),
  result: z.object({
    task_id: z.string(),
    by: z.string(),
    summary: text,
    result: z.optional(FileView),
    /** From a third-party worker: it has no recorded hash, and `content` is the current content of the file. */
    result_ref: text,
    content: text,
    /** Instead of `content`, if the bytes are not UTF-8 text. */
    content_base64: text,
    artifacts: z.array(FileView),
    /** Whether the worker delivered nothing. */
    empty: z.optional(z.boolean()),
  }),
  list: z.object({
    tasks: z.array(
      z.object({
        ...TaskView.shape,
        /** With --stuck. */
        stuck: z.optional(StuckView),
      }),
    ),
    next: text,
  }),
  show: z.object({
    task: TaskView,
    envelope: envelopeSchema(),
    events: z.array(z.looseObject({ type: z.string(), at: Moment })),
  }),
  /** One line for each line of the log, or for a part of a long one. The texts together are the log. */
  logs: z.object({ attempt: z.number(), text: z.string() }),
  inbox: z.object({ messages: z.array(ResultMessage) }),
  cancel: z.object({ tasks: z.array(Changed) }),
  claim: z.looseObject({
    ...envelopeSchema().shape,
    attempt: z.number(),
    lease: z.object({ worker: z.string(), expires_at: Moment, seconds: z.number() }),
    context_file: text,
    result_file: z.string(),
    artifacts_dir: z.string(),
    /** The former attempts, oldest first. */
    previous_failures: z.array(z.object({ attempt: z.number(), outcome: z.string(), reason: text, log: text })),
    drift: z.array(DriftView),
  }),
  progress: z.object({ task_id: z.string(), attempt: z.number(), lease_expires_at: Moment }),
  complete: Changed,
  fail: z.object({ ...Changed.shape, retry_at: z.optional(Moment) }),
  release: Changed,
  dlq: z.object({ tasks: z.array(TaskView) }),
  'dlq show': TaskView,
  'dlq retry': z.object({ tasks: z.array(Changed) }),
  'dlq purge': z.object({ tasks: z.array(Changed) }),
  work: z.object({ task_id: z.string(), attempt: z.number(), event: z.string(), reason: text }),
  doctor: z.object({
    healthy: z.boolean(),
    findings: z.array(
      z.object({
        subject: z.string(),
        problem: z.string(),
        severity: z.enum(['problem', 'advice']),
        repaired: z.boolean(),
      }),
    ),
  }),
  prune: z.object({
    dry_run: z.boolean(),
    tasks: z.number(),
    dead_letters: z.number(),
    messages: z.number(),
    files: z.number(),
    bytes: z.number(),
    /** Tasks that stay because an open task refers to their evidence. */
    referred: z.number(),
    /** Snapshots of a broker's log that contain such tasks, and were replaced. Absent if the queue is a file. */
    snapshots: z.optional(z.number()),
    /** With --dry-run: the ids of the tasks, at most 100,000, newest first. */
    task_ids: z.optional(z.array(z.string())),
  }),
  backup: z.object({
    file: z.string(),
    tasks: z.number(),
    evidence: z.object({ listed: z.number(), bytes: z.number() }),
    /** With --with-evidence: the folder of the copies. */
    evidence_dir: text,
    drift: z.array(DriftView),
  }),
  restore: z.object({
    dir: z.string(),
    tasks: z.number(),
    leases_ended: z.number(),
    epoch: z.number(),
    /** Absent for a plain copy of a database. */
    backup_made_at: z.optional(Moment),
    /** The file with the previous queue. */
    replaced: text,
    evidence: z.object({ listed: z.number(), brought_back: z.number() }),
    drift: z.array(DriftView),
  }),
  snapshot: z.object({ written: z.boolean() }),
  torture: z.object({
    seed: z.number(),
    seconds: z.number(),
    tasks: z.number(),
    completed: z.number(),
    /** With `--prune`. */
    pruned: z.optional(z.number()),
    kills: z.number(),
    lost: z.number(),
    completed_twice: z.number(),
    stale_accepted: z.number(),
    odd: z.optional(z.number()),
    findings: z.optional(z.array(z.string())),
  }),
  error: z.object({
    error: z.object({ code: z.string(), exit: z.number(), message: z.string(), hint: text }),
  }),
} as const;
export type Output<K extends keyof typeof outputs> = z.infer<(typeof outputs)[K]>;
