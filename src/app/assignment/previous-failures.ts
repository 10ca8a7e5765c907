import type { AttemptOutcome, Task } from '../../core/task/task.ts';
import { logOf } from '../logs/attempt-log.ts';
import type { Services } from '../workspace/services.ts';

/** What a worker learns of a former attempt at its task. */
export interface PreviousFailure {
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  readonly reason?: string;
  /** Where its log is: a path on the local disk, or a URL. Absent if it has none, or it is on another machine. */
  readonly log?: string;
}

/** The number of former attempts that a worker is told. */
const MOST = 10;

/** The length of a reason, in characters. */
const LONGEST_REASON = 500;

/** The last of the former attempts with the begin of their reasons, and how many were before them. */
export function lastFailures(failures: readonly PreviousFailure[]): {
  readonly last: readonly PreviousFailure[];
  readonly earlier: number;
} {
  const last = failures.slice(-MOST).map((failure) => {
    const { reason } = failure;
    if (reason === undefined || reason.length <= LONGEST_REASON) return failure;
    return { ...failure, reason: `${reason.slice(0, LONGEST_REASON)}…` };
  });
  return { last, earlier: failures.length - last.length };
}

/**
 * The attempts before the present one, oldest first. All of them ended without a result that counts: a completed one was
 * redone.
 */
export function previousFailures(
  services: Pick<Services, 'store' | 'workspace'>,
  task: Task,
): readonly PreviousFailure[] {
  return task.attempts.flatMap((attempt) => {
    if (attempt.outcome === undefined) return [];
    const { number, outcome } = attempt;
    const redo = task.redone?.find(({ completion }) => completion.attempt === number);
    const reason = redo ? `redone by ${redo.by}: ${redo.reason}` : attempt.reason;
    const log = logOf(services, task, number);
    return {
      attempt: number,
      outcome,
      ...(reason !== undefined && { reason }),
      ...(log && { log: log.evidence ? services.store.placeOf(log.evidence.path) : log.file }),
    };
  });
}
