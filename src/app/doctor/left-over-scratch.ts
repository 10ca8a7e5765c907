import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../core/task/task.ts';
import { rolePolicy } from '../workspace/config.ts';
import { attemptOfScratch } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';
import { AttemptProcesses } from '../worker/processes/attempt-processes.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** How long the child of a cancelled task may take to stop before its scratch folder counts as unused, in ms. */
const STOPPING = 3_600_000;

/**
 * The names of unused scratch folders in `run/`: their worker was killed before it could remove them. Excluded are
 * folders of an attempt that holds its lease or has a process, and folders that changed within the length of a lease.
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

/** How long a scratch folder must be unchanged before it counts as unused, in ms. */
function quiet({ config }: Workspace, task: Task | undefined): number {
  const { lease } = rolePolicy(config, task?.envelope.to ?? '');
  const stopping = task?.status === 'cancelled' && task.stopped_at === undefined;
  return stopping ? Math.max(lease, STOPPING) : lease;
}

/** The latest change of the folder or of a direct entry, in ms since 1970. Undefined if it is gone. */
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

/** Empty if the folder is missing or not readable. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
