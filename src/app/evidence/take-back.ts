import type { Stored } from '../../artifacts/store.ts';
import type { Task } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';
import { evidenceOf } from './verify.ts';

/**
 * Removes the files that were stored for a refused change, after it is certain which files the task has recorded.
 * Before that, another process may be about to record the same file. A file that remains does no harm.
 * @param settled whether that is certain; the argument is undefined if the task does not exist
 */
export async function takeBack(
  { backend, store }: Services,
  id: string,
  stored: readonly Stored[],
  settled: (task: Task | undefined) => boolean,
): Promise<void> {
  const created = stored.filter((one) => one.created);
  if (created.length === 0 || !settled(await backend.task(id))) return;
  for (const one of created) {
    await store.discard(one, async () => {
      const task = await backend.task(id);
      return task !== undefined && evidenceOf(task).some(({ path }) => path === one.evidence.path);
    });
  }
}
