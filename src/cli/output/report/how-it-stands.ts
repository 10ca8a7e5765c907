import type { ArtifactStore } from '../../../artifacts/store.ts';
import { counted } from '../../../core/counted.ts';
import { formatDuration, formatMoment } from '../../../core/duration.ts';
import type { Completion, Finished, Task } from '../../../core/task/task.ts';
import type { Io } from '../io.ts';
import { shorten } from '../line.ts';
import { EMPTY } from '../../../core/task/messages.ts';

/** The length of a summary, a reason or a note in such a line, in characters. */
const MOST = 300;

/** How a task ended, by whom, why, and where its result is, in one line. Control characters are not escaped. */
export function howItEnded(task: Finished, now: number, store: ArtifactStore, io: Pick<Io, 'runnable'>): string {
  switch (task.status) {
    case 'completed': {
      const { by, at, summary, empty } = task.completion;
      const what = [
        empty && EMPTY,
        summary && shorten(summary, MOST),
        ...whereItIs(task.id, task.completion, store).map(io.runnable),
      ];
      return `${task.id} completed ${formatMoment(at, now)} by ${by}${rest(what)}`;
    }
    case 'failed': {
      const last = task.attempts.at(-1);
      const who = last === undefined ? '' : ` by ${last.worker} in attempt ${last.number}`;
      return `${task.id} failed ${formatMoment(task.failed_at, now)}${who}: ${shorten(task.reason, MOST)}`;
    }
    case 'expired':
      return `${task.id} expired ${formatMoment(task.expired_at, now)}: no worker had started it`;
    case 'cancelled': {
      const why = task.reason === undefined ? 'no reason given' : shorten(task.reason, MOST);
      return `${task.id} cancelled ${formatMoment(task.cancelled_at, now)} by ${task.by}: ${why}`;
    }
    default:
      return task satisfies never;
  }
}

function whereItIs(id: string, { result, result_ref, artifacts }: Completion, store: ArtifactStore): string[] {
  const files = artifacts.length === 0 ? [] : [`${counted(artifacts.length, 'artifact')}: agentq result ${id}`];
  if (result) return [`result ${store.placeOf(result.path)}`, ...files];
  return result_ref === undefined ? files : [`result ${result_ref}`, ...files];
}

function rest(parts: readonly (string | false | undefined)[]): string {
  const told = parts.filter((part) => part !== undefined && part !== false && part !== '');
  return told.length === 0 ? '' : `: ${told.join('; ')}`;
}

/** What a task that has not ended waits for, or who works on it, in one line. Control characters are not escaped. */
export function howItStands(task: Task, now: number): string {
  switch (task.status) {
    case 'queued':
      return `${task.id} is queued for ${task.envelope.to}, ready for ${formatDuration(now - task.ready_at)}`;
    case 'scheduled':
      return `${task.id} is scheduled for ${task.envelope.to}, due ${formatMoment(task.due_at, now)} (${task.why})`;
    case 'working': {
      const { lease, progress } = task;
      const since = formatDuration(now - task.attempts.at(-1)!.started_at);
      const percent = progress?.percent === undefined ? [] : [`${progress.percent}%`];
      const note = progress?.note === undefined ? [] : [shorten(progress.note, MOST)];
      const facts = [`lease ends ${formatMoment(lease.expires_at, now)}`, ...percent, ...note];
      return `${task.id} is working: ${lease.worker} for ${since}, ${facts.join(', ')}`;
    }
    default:
      return `${task.id} is ${task.status}`;
  }
}
