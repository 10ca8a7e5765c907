import type { ArtifactStore } from '../artifacts/store.ts';
import type { Task } from '../core/task.ts';

/**
 * What a worker gets to read: the instructions, and the context file below them.
 * @throws AgentqError `drift` where the context is not what was submitted, `storage` where the store is not there
 */
export async function brief(store: ArtifactStore, task: Task): Promise<Buffer> {
  const { instructions } = task.envelope;
  store.attend();
  const context = task.context && (await store.read(task.context));
  if (instructions === undefined) return context ?? Buffer.alloc(0);
  return Buffer.concat([Buffer.from(`${instructions}\n`), ...(context ? [Buffer.from('\n'), context] : [])]);
}
