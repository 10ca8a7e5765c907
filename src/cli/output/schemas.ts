import * as z from 'zod/mini';
import { envelopeSchema } from '../../core/envelope/envelope.ts';
import { ResultMessage } from '../../core/result/result-message.ts';
import { statuses } from '../../core/task/task.ts';

/**
 * What every command prints with --json, as a contract with the programs that read it: fields may be added, none
 * renamed or removed. Moments are ISO 8601, UTC.
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

export const AttemptView = z.object({
  number: z.number(),
  worker: z.string(),
  started_at: Moment,
  ended_at: z.optional(Moment),
  outcome: text,
  reason: text,
  artifacts: z.optional(z.array(FileView)),
});

export const TaskView = z.object({
  task_id: z.string(),
  status: Status,
  from: z.string(),
  to: z.string(),
  type: z.string(),
  priority: z.string(),
  submitted_at: Moment,
  updated_at: Moment,
  max_attempts: z.number(),
  attempts: z.array(AttemptView),
  /** Changes that came too late or from the wrong hands. */
  refused: z.number(),
  context: z.optional(FileView),
  /** queued */
  ready_at: z.optional(Moment),
  /** queued with a TTL, scheduled: when time alone changes it */
  due_at: z.optional(Moment),
  /** scheduled */
  why: z.optional(z.enum(['delay', 'backoff'])),
  /** working */
  lease: z.optional(z.object({ attempt: z.number(), worker: z.string(), expires_at: Moment })),
  progress: z.optional(z.object({ percent: z.optional(z.number()), note: text, at: Moment })),
  /** completed */
  summary: text,
  completed_by: text,
  result: z.optional(FileView),
  /** Of a worker that is not ours: nobody has hashed it. */
  result_ref: text,
  artifacts: z.optional(z.array(FileView)),
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

export const RoleView = z.object({
  role: z.string(),
  tasks: z.record(Status, z.number()),
  oldest_ready_at: z.optional(Moment),
  workers: z.array(z.object({ worker: z.string(), seen_at: Moment })),
});

const Changed = z.object({ task_id: z.string(), status: Status, changed: z.boolean() });

export const outputs = {
  init: z.object({
    dir: z.string(),
    store: z.string(),
    created: z.boolean(),
    /** Where the queue lies on one. */
    broker: z.optional(
      z.object({
        product: z.object({ name: z.string(), version: z.string() }),
        place: z.string(),
        declared: z.array(z.string()),
        guarantees: z.array(z.object({ promise: z.string(), by: z.string(), how: z.string() })),
      }),
    ),
  }),
  submit: z.object({
    task_id: z.string(),
    status: Status,
    created: z.boolean(),
    /** It waits in the outbox: the broker is away. */
    kept: z.optional(z.boolean()),
  }),
  'submit --batch': z.object({ task_ids: z.array(z.string()), created: z.number() }),
  wait: z.object({ done: z.boolean(), tasks: z.array(TaskView) }),
  status: z.object({ roles: z.array(RoleView), dead: z.number() }),
  'status ID': z.object({ ...TaskView.shape, drift: z.array(DriftView) }),
  result: z.object({
    task_id: z.string(),
    by: z.string(),
    summary: text,
    result: z.optional(FileView),
    /** Of a worker that is not ours: nobody has hashed it, and the content is what lies there now. */
    result_ref: text,
    content: text,
    /** In place of `content`, where the bytes are no UTF-8 text. */
    content_base64: text,
    artifacts: z.array(FileView),
  }),
  list: z.object({ tasks: z.array(TaskView), next: text }),
  show: z.object({
    task: TaskView,
    envelope: envelopeSchema(),
    events: z.array(z.looseObject({ type: z.string(), at: Moment })),
  }),
  inbox: z.object({ messages: z.array(ResultMessage) }),
  cancel: z.object({ tasks: z.array(Changed) }),
  claim: z.looseObject({
    ...envelopeSchema().shape,
    attempt: z.number(),
    lease: z.object({ worker: z.string(), expires_at: Moment, seconds: z.number() }),
    result_file: z.string(),
    artifacts_dir: z.string(),
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
  backup: z.object({
    file: z.string(),
    tasks: z.number(),
    evidence: z.object({ listed: z.number(), bytes: z.number() }),
    /** With --with-evidence: where it was copied to. */
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
    /** The file that the queue from before is kept in. */
    replaced: text,
    evidence: z.object({ listed: z.number(), brought_back: z.number() }),
    drift: z.array(DriftView),
  }),
  torture: z.object({
    seed: z.number(),
    seconds: z.number(),
    tasks: z.number(),
    completed: z.number(),
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
