import type { Evidence } from '../../core/evidence/evidence.ts';
import type { Task } from '../../core/task/task.ts';
import { removeFolder } from '../../files/remove-folder.ts';
import { attemptFolder, placeOf, resultPath } from '../evidence/evidence-paths.ts';
import { evidenceOf } from '../evidence/verify.ts';
import { scratchFolder } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';

/** How many tasks are noted together as done. */
const TOGETHER = 100;

/** The recorded files in the places of the task itself. A record may name a file of another task, which stays. */
export function ownEvidence(task: Task): readonly Evidence[] {
  const byPath = new Map(evidenceOf(task).map((one) => [one.path, one]));
  return [...byPath.values()].filter(({ path }) => placeOf(path)?.id === task.id);
}

/**
 * Removes the evidence of pruned tasks, also of those that a killed process has left: recorded files, the places of all
 * attempts, and scratch space.
 * @returns the number of those tasks
 * @throws AgentqError `storage`; a later call continues
 */
export async function removeEvidence(services: Services): Promise<number> {
  const { backend } = services;
  let removed = 0;
  for (;;) {
    const tasks = await backend.prunedEvidence(TOGETHER);
    if (tasks.length === 0) return removed;
    for (const task of tasks) {
      // If its id is free again, the files in its places may belong to a new task.
      if (await backend.pruned(task.id)) await removeFiles(services, task);
    }
    await backend.evidenceRemoved(tasks.map(({ id }) => id));
    removed += tasks.length;
  }
}

async function removeFiles({ store, workspace }: Services, task: Task): Promise<void> {
  const { id } = task;
  // A worker may write a result without a claim, as the first attempt.
  const attempts = new Set([1, ...task.attempts.map(({ number }) => number)]);
  const results = [...attempts].map((attempt) => resultPath(id, attempt));
  await store.remove([...new Set([...ownEvidence(task).map(({ path }) => path), ...results])]);
  for (const attempt of attempts) {
    store.staging.clear(attemptFolder(id, attempt));
    removeFolder(scratchFolder(workspace, id, attempt));
  }
}
