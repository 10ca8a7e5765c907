import { statSync } from 'node:fs';
import type { Filter } from '../../backend/backend.ts';
import { openStatuses, type Status, type Task } from '../../core/task/task.ts';
import { type Signs, type Stuck, stuckBy } from '../../core/task/stuck.ts';
import { everyTask } from '../every-task.ts';
import { liveLog } from '../logs/attempt-log.ts';
import { rolePolicy } from '../workspace/config.ts';
import type { Services } from '../workspace/services.ts';
import { desertedRoles, lastSeen } from './deserted-roles.ts';

export interface StuckTask {
  readonly task: Task;
  readonly stuck: Stuck;
}

/**
 * The tasks of a filter that seem to be stuck, newest first. Queued tasks are read only if a role has work and no
 * worker.
 */
export async function* stuckTasks(services: Services, filter: Omit<Filter, 'limit'> = {}): AsyncGenerator<StuckTask> {
  const { backend, workspace } = services;
  const counts = await backend.counts();
  const seen = lastSeen(counts);
  const deserted = desertedRoles(services, counts).filter(
    ({ role }) => filter.role === undefined || role === filter.role,
  );
  const possible: readonly Status[] = deserted.length > 0 ? ['working', 'queued'] : ['working'];
  const statuses = possible.filter((status) => (filter.statuses ?? openStatuses).includes(status));
  if (statuses.length === 0) return;
  for await (const task of everyTask(backend, { ...filter, statuses })) {
    const role = task.envelope.to;
    const signs: Signs = { output_at: outputAt(services, task), worker_seen_at: seen.get(role) };
    const stuck = stuckBy(task, signs, backend.now, rolePolicy(workspace.config, role).stuckAfter);
    if (stuck) yield { task, stuck: await withRenewals(services, task, stuck) };
  }
}

/** When the child of a running attempt last printed something, in ms since 1970; undefined if it is not known here. */
function outputAt(services: Services, task: Task): number | undefined {
  if (task.status !== 'working') return undefined;
  const log = liveLog(services, task.id, task.lease.attempt);
  return statSync(log, { throwIfNoEntry: false })?.mtimeMs;
}

async function withRenewals({ backend }: Services, task: Task, stuck: Stuck): Promise<Stuck> {
  if (stuck.reason !== 'only-renewed') return stuck;
  const events = await backend.history(task.id);
  return { ...stuck, renewals: events.filter(({ type, at }) => type === 'renewed' && at >= stuck.since).length };
}
