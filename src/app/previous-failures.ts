import type { ArtifactStore } from '../artifacts/store.ts';
import type { AttemptOutcome, Task } from '../core/task/task.ts';

/** What a worker learns of a former attempt at its task. */
export interface PreviousFailure {
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  readonly reason?: string;
  /** Where its recorded log is: a path on the local disk, or a URL. */
  readonly log?: string;
}

/**
 * The attempts before the present one, oldest first. All of them ended without a result that counts: a completed one was
 * redone.
 */
export function previousFailures(store: ArtifactStore, task: Task): readonly PreviousFailure[] {
  return task.attempts.flatMap((attempt) => {
    if (attempt.outcome === undefined) return [];
    const { number, outcome } = attempt;
    const redo = task.redone?.find(({ completion }) => completion.attempt === number);
    const reason = redo ? `redone by ${redo.by}: ${redo.reason}` : attempt.reason;
    const artifacts = redo?.completion.artifacts ?? attempt.artifacts;
    const log = artifacts?.find(({ name }) => name === 'log');
    return {
      attempt: number,
      outcome,
      ...(reason !== undefined && { reason }),
      ...(log && { log: store.placeOf(log.path) }),
    };
  });
}
