import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Backend } from '../../backend/backend.ts';
import type { Workspace } from './workspace.ts';

/** What a use case works with. Clock and randomness are injected, so that a test can hold them still. */
export interface Services {
  readonly workspace: Workspace;
  readonly backend: Backend;
  readonly store: ArtifactStore;
  /** ms since 1970. */
  readonly clock: () => number;
  /** ms since some moment; no setting of the clock changes it. For deadlines. */
  readonly monotonic: () => number;
  readonly newId: () => string;
}

/** How long a waiting process relies on the doorbell before it looks by itself, in ms. */
const SLOW_POLL = 10_000;

/**
 * How long to wait for a ring, in ms.
 * @param nextDue when time alone may change something, by the clock
 * @param deadline when to give up, by the monotonic clock
 */
export function patience({ clock, monotonic }: Services, nextDue: number | undefined, deadline = Infinity): number {
  const due = nextDue === undefined ? Infinity : nextDue - clock();
  const left = deadline === Infinity ? Infinity : deadline - monotonic();
  return Math.max(0, Math.min(SLOW_POLL, due, left));
}
