import type { Stored } from '../../artifacts/store.ts';
import type { Task } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';
import { evidenceOf } from './verify.ts';

/**
 * Takes back the files that were stored for a change which was refused, once it is settled what the task vouches
 * for: before that, another process may be about to record the very same file. What stays is no harm.
 * @param settled whether that is settled; undefined stands for a task that is not there
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
