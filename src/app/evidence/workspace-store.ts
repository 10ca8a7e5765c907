import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Backend } from '../../backend/backend.ts';
import { AgentqError } from '../../core/errors.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';
import { evidenceOf } from './verify.ts';
import { noteStore, type Workspace } from '../workspace/workspace.ts';

/**
 * For a workspace without recorded tasks: uses the existing store at its path, or creates one.
 * @param freshId the id for a new store
 * @throws AgentqError `storage`
 */
export async function takeStore(workspace: Workspace, store: ArtifactStore, freshId: string): Promise<void> {
  noteStore(workspace, await store.make(freshId));
}

/**
 * For a workspace with tasks: checks that the store at its path is its own store. A store without a marker is marked
 * only if it contains evidence that the log knows. An empty folder is not marked, because it could be the mount point
 * of an unmounted disk.
 * @returns whether the store is marked
 * @throws AgentqError `storage` if another store or no store is there
 */
export async function findStore({ workspace, store, backend }: Services, freshId: string): Promise<boolean> {
  const found = await store.identity();
  const noted = workspace.storeId;
  const recorded = await recordedEvidence(store, backend);
  if (recorded === 'elsewhere' && noted === undefined) return false;
  if (recorded === 'elsewhere') {
    throw new AgentqError(
      'storage',
      `none of the evidence in the log is in ${workspace.storeDir}`,
      'is its disk mounted?',
    );
  }
  if (recorded === 'none' && found === undefined && noted === undefined) return false;
  if (recorded !== 'here' && found === undefined && noted !== undefined) await refuseEmpty(workspace, store);
  await takeStore(workspace, store, found ?? noted ?? freshId);
  return true;
}

/**
 * For a workspace whose store has lost its marker and has no evidence that identifies it. If the config names a new
 * place, the user wants the store there.
 * @throws AgentqError `storage` if the folder at its path is not a store
 */
async function refuseEmpty({ dir, storeDir, storeMoved }: Workspace, store: ArtifactStore): Promise<void> {
  if (storeDir === dir || storeMoved || (await store.isMade())) return;
  throw new AgentqError(
    'storage',
    `the store is missing: ${storeDir}`,
    `is its disk mounted? for a new store in its place: mkdir -p ${store.placeOf('tasks')}, then agentq init`,
  );
}

/**
 * Finds evidence that the log knows. One piece is sufficient. `none`: the log knows no evidence. `empty`: the log knows
 * no task.
 */
async function recordedEvidence(
  store: ArtifactStore,
  backend: Backend,
): Promise<'here' | 'elsewhere' | 'none' | 'empty'> {
  let found: 'elsewhere' | 'none' | 'empty' = 'empty';
  for await (const task of everyTask(backend)) {
    if (found === 'empty') found = 'none';
    for (const evidence of evidenceOf(task)) {
      if (!(await store.check(evidence))) return 'here';
      found = 'elsewhere';
    }
  }
  return found;
}
