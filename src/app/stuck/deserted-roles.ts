import type { Counts, RoleCount } from '../../backend/backend.ts';
import { rolePolicy } from '../workspace/config.ts';
import type { Services } from '../workspace/services.ts';

/** A role with a task that waits, and without a worker. Times are in ms since 1970. */
export interface DesertedRole {
  readonly role: string;
  readonly queued: number;
  readonly oldest_ready_at: number;
  /** When a worker of the role was last seen; absent if none was. */
  readonly seen_at?: number;
}

/** When a worker of each role was last seen, in ms since 1970. */
export function lastSeen({ workers }: Counts): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  for (const { role, seen_at } of workers) seen.set(role, Math.max(seen_at, seen.get(role) ?? 0));
  return seen;
}

/** The roles in which a task has been ready for longer than `stuck_after`, and no worker was seen for as long. */
export function desertedRoles({ backend, workspace }: Services, counts: Counts): readonly DesertedRole[] {
  const seen = lastSeen(counts);
  return counts.roles.flatMap(({ role, tasks, oldest_ready_at }: RoleCount) => {
    const seen_at = seen.get(role);
    const { stuckAfter } = rolePolicy(workspace.config, role);
    if (oldest_ready_at === undefined || backend.now - Math.max(oldest_ready_at, seen_at ?? 0) < stuckAfter) return [];
    return [{ role, queued: tasks.queued, oldest_ready_at, ...(seen_at !== undefined && { seen_at }) }];
  });
}
