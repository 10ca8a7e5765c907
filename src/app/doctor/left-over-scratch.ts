import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../core/task/task.ts';
import { rolePolicy } from '../workspace/config.ts';
import { attemptOfScratch } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';
import { AttemptProcesses } from '../worker/processes/attempt-processes.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** How long the child of a cancelled task may take to stop before its scratch counts as left over, in ms. */
const STOPPING = 3_600_000;

/**
 * The names in `run/` of scratch folders that no attempt uses: their worker was killed before it could remove them.
 * Left out are those of an attempt that holds its lease, that has a process, or that changed within a lease.
 */
export async function leftOverScratch(services: Services): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of namesIn(services.workspace.runDir)) {
    const whose = attemptOfScratch(name);
    if (whose && (await isLeftOver(services, name, whose.id, whose.attempt))) found.push(name);
  }
  return found;
}

async function isLeftOver(
  { workspace, backend, clock }: Services,
  name: string,
  id: string,
  attempt: number,
): Promise<boolean> {
  const task = await backend.task(id);
  if (task?.status === 'working' && task.lease.attempt === attempt) return false;
  const changed = lastChange(join(workspace.runDir, name));
  if (changed === undefined || clock() - changed < quiet(workspace, task)) return false;
  return !new AttemptProcesses(workspace, id, (one) => one === attempt).signal(0);
}

/** How long scratch must not have changed before it counts as left over, in ms. */
function quiet({ config }: Workspace, task: Task | undefined): number {
  const { lease } = rolePolicy(config, task?.envelope.to ?? '');
  const stopping = task?.status === 'cancelled' && task.stopped_at === undefined;
  return stopping ? Math.max(lease, STOPPING) : lease;
}

/** When the folder, or what lies directly in it, last changed: ms since 1970. Undefined where it is gone. */
function lastChange(folder: string): number | undefined {
  const moments = [folder, ...namesIn(folder).map((name) => join(folder, name))].map((path) => {
    try {
      return lstatSync(path).mtimeMs;
    } catch {
      return undefined;
    }
  });
  return moments[0] === undefined ? undefined : Math.max(...moments.map((moment) => moment ?? 0));
}

/** Empty for a folder that is missing or can't be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
