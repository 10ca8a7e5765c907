import * as z from 'zod/mini';
import { envelopeSchema } from '../../../core/envelope/envelope.ts';
import { ResultMessage } from '../../../core/result/result-message.ts';
import { CostView, DriftView, FileView, Moment, Status, TaskView, text } from './task-schemas.ts';
import { thingOutputs } from './thing-schemas.ts';
import { StatsView } from './stats-schema.ts';

export { DriftView, FileView, TaskView } from './task-schemas.ts';

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
  /** What its tasks have cost, as reported. */
  cost: z.optional(CostView),
});

/** The used-up budgets for which ready tasks wait: one line each. Absent if there is none. */
const UsedUp = z.optional(z.array(z.string()));

const Changed = z.object({ task_id: z.string(), status: Status, changed: z.boolean() });

/** The tasks of one kind in a brief. */
const BriefTasks = z.object({
  /** How many more there are, and the command that lists them. */
  left_out: z.optional(z.number()),
  see: text,
  tasks: z.array(
    z.object({
      task_id: z.string(),
      status: Status,
      to: z.string(),
      worker: text,
      attempt: z.optional(z.number()),
      lease_expires_at: z.optional(Moment),
      percent: z.optional(z.number()),
      due_at: z.optional(Moment),
      /** The summary, the reason or the instructions, cut at 60 characters. */
      text,
    }),
  ),
});

/** One field for each part of a brief. */
const ofParts = <T>(form: T) => ({
  /** The tasks that the agent works on. */
  holds: form,
  /** The results that wait in its inbox. */
  results: form,
  dead: form,
  working: form,
  queued: form,
  scheduled: form,
});

const ResultView = z.object({
  task_id: z.string(),
  by: z.string(),
  summary: text,
  result: z.optional(FileView),
  /** From a third-party worker: it has no recorded hash, and `content` is the current content of the file. */
  result_ref: text,
  /** The artifact that has this content; absent if it is that of the result. */
  artifact: text,
  content: text,
  /** Instead of `content`, if the bytes are not UTF-8 text. */
  content_base64: text,
  artifacts: z.array(FileView),
  /** Whether the worker delivered nothing. */
  empty: z.optional(z.boolean()),
});

/**
 * The output of every command with --json. It is a contract with the programs that read it: fields may be added, but
 * not renamed or removed. Times are ISO 8601, UTC.
 */
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
    more: z.optional(z.boolean()),
    /** With --any, if none has ended. */
    budgets_used_up: UsedUp,
    /** With --since, `more` says that others ended after those; without it, `earlier` how many before those. */
    earlier: z.optional(z.number()),
  }),
  status: z.object({
    roles: z.array(RoleView),
    dead: z.number(),
    budgets_used_up: UsedUp,
    /** The groups whose tasks have reported a cost. */
    groups: z.optional(z.array(z.object({ group: z.string(), cost: CostView }))),
  }),
  'status --stuck': z.object({
    budgets_used_up: UsedUp,
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
  stats: StatsView,
  'status ID': z.object({ ...TaskView.shape, drift: z.array(DriftView) }),
  result: ResultView,
  'result ID ID': z.object({ results: z.array(ResultView) }),
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
    /** Logs on this machine that no event has recorded: of a running attempt, or of a worker that was killed. */
    unrecorded_logs: z.optional(z.array(z.object({ attempt: z.number(), file: z.string() }))),
  }),
  /** One line for each line of the log, or for a part of a long one. The texts together are the log. */
  logs: z.object({ attempt: z.number(), text: z.string() }),
  inbox: z.object({
    messages: z.array(
      z.looseObject({
        ...ResultMessage.shape,
        /** completed: the number of its artifacts, without the log of a child */
        artifact_count: z.optional(z.number()),
        by: text,
      }),
    ),
  }),
  brief: z.object({
    as: z.string(),
    group: text,
    counts: z.object({ notes: z.number(), ...ofParts(z.number()) }),
    budgets_used_up: UsedUp,
    others: z.optional(z.array(z.object({ agent: z.string(), open: z.number() }))),
    /** Commands that continue the work. */
    next: z.array(z.string()),
    /** Its notes; with --group, those of the group. `text` is cut at 300 characters. */
    notes: z.optional(
      z.object({
        left_out: z.optional(z.number()),
        see: text,
        notes: z.array(z.object({ note_id: z.string(), group: text, text: z.string() })),
      }),
    ),
    ...ofParts(z.optional(BriefTasks)),
  }),
  cancel: z.object({ tasks: z.array(Changed) }),
  edit: Changed,
  redo: z.object({ tasks: z.array(Changed) }),
  claim: z.looseObject({
    ...envelopeSchema().shape,
    attempt: z.number(),
    lease: z.object({ worker: z.string(), expires_at: Moment, seconds: z.number() }),
    context_file: text,
    result_file: z.string(),
    artifacts_dir: z.string(),
    /** The former attempts, oldest first. */
    previous_failures: z.array(z.object({ attempt: z.number(), outcome: z.string(), reason: text, log: text })),
    earlier_failures: z.optional(z.number()),
    drift: z.array(DriftView),
  }),
  progress: z.object({ task_id: z.string(), attempt: z.number(), lease_expires_at: Moment }),
  complete: Changed,
  fail: z.object({ ...Changed.shape, retry_at: z.optional(Moment) }),
  release: Changed,
  ...thingOutputs,
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
  guide: z.object({ for: z.string(), text: z.string() }),
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
