import { counted } from '../counted.ts';
import { formatDuration } from '../duration.ts';
import type { Task } from './task.ts';

/** What a machine knows of a task that is not in the log. Times are in ms since 1970. */
export interface Signs {
  /** When the child of the running attempt last printed something; absent if its log is not on this machine. */
  readonly output_at?: number | undefined;
  /** When a worker of the role last asked for work or renewed a lease; absent if none was seen. */
  readonly worker_seen_at?: number | undefined;
}

/** Why a task seems to be stuck, and since when, in ms since 1970. */
export type Stuck =
  | { readonly reason: 'no-sign'; readonly since: number; readonly output: boolean }
  /** `renewals`: how often its lease was renewed since then, if it was counted. */
  | { readonly reason: 'only-renewed'; readonly since: number; readonly output: boolean; readonly renewals?: number }
  | { readonly reason: 'no-worker'; readonly since: number; readonly seen_at?: number };

/**
 * A runner renews the lease for as long as its child runs, and many children report nothing until they end. So a lease
 * that is renewed counts as stuck only after this many times `stuck_after` without progress and output.
 */
const RENEWED_FOR = 3;

/**
 * Whether a task seems to be stuck. A running task is, if there was no renewal, no progress report and no output for
 * longer than `after`, or only renewals for longer than three times that. A ready task is, if it has been ready, and no
 * worker of its role was seen, for longer than `after`. No other task is: the end of a delay or of a lease changes it.
 * @param now ms since 1970
 * @param after the setting `stuck_after` of the role, in ms
 */
export function stuckBy(task: Task, signs: Signs, now: number, after: number): Stuck | undefined {
  if (task.status === 'queued') {
    const { worker_seen_at: seen_at } = signs;
    const since = Math.max(task.ready_at, seen_at ?? 0);
    if (now - since < after) return undefined;
    return { reason: 'no-worker', since: task.ready_at, ...(seen_at !== undefined && { seen_at }) };
  }
  if (task.status !== 'working') return undefined;
  const { output_at } = signs;
  const output = output_at !== undefined;
  const since = Math.max(task.attempts.at(-1)!.started_at, task.progress?.at ?? 0, output_at ?? 0);
  const sign = Math.max(since, task.updated_at);
  if (now - sign >= after) return { reason: 'no-sign', since: sign, output };
  return now - since >= RENEWED_FOR * after ? { reason: 'only-renewed', since, output } : undefined;
}

/** The same for people, in one line that follows the name of the task. */
export function describeStuck(stuck: Stuck, now: number): string {
  const span = formatDuration(now - stuck.since);
  if (stuck.reason === 'no-worker') {
    const seen = stuck.seen_at === undefined ? 'was seen' : `for ${formatDuration(now - stuck.seen_at)}`;
    return `ready for ${span}, no worker of its role ${seen}`;
  }
  const elsewhere = stuck.output ? '' : ' (no output on this machine)';
  if (stuck.reason === 'no-sign') {
    const missing = stuck.output ? 'renewal, progress or output' : 'renewal or progress';
    return `no ${missing} for ${span}${elsewhere}`;
  }
  const { renewals } = stuck;
  const renewed = renewals === undefined ? 'renewed' : `renewed ${counted(renewals, 'time')}`;
  return `${renewed}, no ${stuck.output ? 'progress or output' : 'progress'} for ${span}${elsewhere}`;
}
