import type { Stored } from '../artifacts/store.ts';
import type { Task } from '../core/task.ts';
import type { Services } from './services.ts';
import { evidenceOf } from './verify.ts';

/**
 * Takes back the files that were stored for a change which was refused, once it is settled what the task vouches
 * for: before that, another process may be about to record the very same file. What stays is no harm.
 */
export async function takeBack(
  { backend, store }: Services,
  id: string,
  stored: readonly Stored[],
  settled: (task: Task) => boolean,
): Promise<void> {
  const task = stored.length > 0 ? await backend.task(id) : undefined;
  if (!task || !settled(task)) return;
  const recorded = new Set(evidenceOf(task).map((evidence) => evidence.path));
  for (const one of stored) if (!recorded.has(one.evidence.path)) await store.discard(one);
}
