import type { ArtifactStore } from '../../artifacts/store.ts';
import { nextDue } from '../../core/task/fold/due.ts';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import { groupOf } from '../../core/envelope/group.ts';
import { budgetOf } from '../../core/envelope/budget.ts';
import { maxAttempts } from '../../core/task/retry.ts';
import { type Attempt, type Completion, costOf, type Redo, type Task } from '../../core/task/task.ts';
import type { DriftView, FileView, RedoView, TaskView } from './schemas/task-schemas.ts';

/** A time in ms as ISO 8601, UTC. */
export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function fileView(store: ArtifactStore, { name, path, sha256, size }: Evidence): FileView {
  return { name, ref: store.refOf(path), sha256, size };
}

export function driftView(store: ArtifactStore, { kind, evidence }: Drift): DriftView {
  return { name: evidence.name, ref: store.refOf(evidence.path), kind };
}

/** A task in the form of the JSON output. */
export function taskView(store: ArtifactStore, task: Task): TaskView {
  const { id, envelope, context } = task;
  const due = nextDue(task);
  const cost = costOf(task);
  const group = groupOf(envelope);
  const budget_usd = budgetOf(envelope);
  return {
    task_id: id,
    status: task.status,
    from: envelope.from,
    to: envelope.to,
    type: envelope.type,
    priority: envelope.priority,
    ...(envelope.instructions !== undefined && { instructions: envelope.instructions }),
    submitted_at: iso(task.submitted_at),
    updated_at: iso(task.updated_at),
    max_attempts: maxAttempts(task),
    attempts: task.attempts.map((attempt) => attemptView(store, attempt)),
    ...(task.redone && { redone: task.redone.map((redo) => redoView(store, redo)) }),
    refused: task.refused,
    ...(group !== undefined && { group }),
    ...(budget_usd !== undefined && { budget_usd }),
    ...(cost && { cost }),
    ...(context && { context: fileView(store, context) }),
    ...(due !== undefined && task.status !== 'working' && { due_at: iso(due) }),
    ...statusView(store, task),
  };
}

function attemptView(store: ArtifactStore, attempt: Attempt): TaskView['attempts'][number] {
  const { number, worker, started_at, cost } = attempt;
  const base = { number, worker, started_at: iso(started_at), ...(cost && { cost }) };
  if (attempt.outcome === undefined) return base;
  const { outcome, ended_at, reason, artifacts } = attempt;
  return {
    ...base,
    ended_at: iso(ended_at),
    outcome,
    reason,
    artifacts: artifacts?.map((one) => fileView(store, one)),
  };
}

function redoView(store: ArtifactStore, { at, by, reason, completion }: Redo): RedoView {
  return { at: iso(at), by, reason, attempt: completion.attempt, ...completionView(store, completion) };
}

function completionView(
  store: ArtifactStore,
  completion: Completion,
): Omit<RedoView, 'at' | 'by' | 'reason' | 'attempt'> {
  const { at, by, summary, result, result_ref, artifacts, empty } = completion;
  return {
    finished_at: iso(at),
    completed_by: by,
    summary,
    ...(result && { result: fileView(store, result) }),
    ...(result_ref !== undefined && { result_ref }),
    artifacts: artifacts.map((one) => fileView(store, one)),
    ...(empty && { empty }),
  };
}

function statusView(store: ArtifactStore, task: Task): Partial<TaskView> {
  switch (task.status) {
    case 'queued':
      return { ready_at: iso(task.ready_at) };
    case 'scheduled':
      return { why: task.why };
    case 'working': {
      const { lease, progress } = task;
      return {
        lease: { ...lease, expires_at: iso(lease.expires_at) },
        ...(progress && { progress: { ...progress, at: iso(progress.at) } }),
      };
    }
    case 'completed':
      return completionView(store, task.completion);
    case 'failed':
      return { finished_at: iso(task.failed_at), reason: task.reason, ...dismissed(task) };
    case 'expired':
      return { finished_at: iso(task.expired_at), ...dismissed(task) };
    case 'cancelled':
      return {
        finished_at: iso(task.cancelled_at),
        cancelled_by: task.by,
        reason: task.reason,
        ...(task.stopped_at !== undefined && { stopped_at: iso(task.stopped_at) }),
      };
    default:
      return task satisfies never;
  }
}

function dismissed({ dismissed_at }: { dismissed_at?: number }): Partial<TaskView> {
  return dismissed_at === undefined ? {} : { dismissed_at: iso(dismissed_at) };
}
