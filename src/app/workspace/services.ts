import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Backend } from '../../backend/backend.ts';
import type { Workspace } from './workspace.ts';

/** The services of a use case. Clock and randomness are parameters, so that a test can control them. */
export interface Services {
  readonly workspace: Workspace;
  readonly backend: Backend;
  readonly store: ArtifactStore;
  /**
   * The clock of this process, in ms since 1970: for local files and for commands that wait. The backend has its own
   * clock (`Backend.now`), which decides about tasks.
   */
  readonly clock: () => number;
  /**
   * The monotonic clock in ms, from an arbitrary start. Changes of the system clock do not affect it. For deadlines.
   */
  readonly monotonic: () => number;
  readonly newId: () => string;
}

/** The poll interval of a waiting process, in ms, in case a doorbell ring is lost. */
const SLOW_POLL = 10_000;

/** The poll interval for a change that is due but has not happened, in ms: the backend could not decide it yet. */
const OVERDUE = 1_000;

/**
 * How long to wait for a ring, in ms.
 * @param nextDue the next time at which a task may change, by the clock of the backend
 * @param deadline when to give up, by the monotonic clock
 */
export function patience({ backend, monotonic }: Services, nextDue: number | undefined, deadline = Infinity): number {
  const due = nextDue === undefined ? Infinity : nextDue - backend.now;
  const left = deadline === Infinity ? Infinity : deadline - monotonic();
  return Math.max(0, Math.min(SLOW_POLL, due > 0 ? due : OVERDUE, left));
}
