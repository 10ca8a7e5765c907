import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Backend } from '../../backend/backend.ts';
import type { Workspace } from './workspace.ts';

/** The services of a use case. Clock and randomness are parameters, so that a test can control them. */
export interface Services {
  readonly workspace: Workspace;
  readonly backend: Backend;
  readonly store: ArtifactStore;
  /** ms since 1970. */
  readonly clock: () => number;
  /**
   * The monotonic clock in ms, from an arbitrary start. Changes of the system clock do not affect it. For deadlines.
   */
  readonly monotonic: () => number;
  readonly newId: () => string;
}

/** The poll interval of a waiting process, in ms, in case a doorbell ring is lost. */
const SLOW_POLL = 10_000;

/**
 * How long to wait for a ring, in ms.
 * @param nextDue the next time at which a task may change, by the clock
 * @param deadline when to give up, by the monotonic clock
 */
export function patience({ clock, monotonic }: Services, nextDue: number | undefined, deadline = Infinity): number {
  const due = nextDue === undefined ? Infinity : nextDue - clock();
  const left = deadline === Infinity ? Infinity : deadline - monotonic();
  return Math.max(0, Math.min(SLOW_POLL, due, left));
}
