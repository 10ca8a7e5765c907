import { existsSync } from 'node:fs';
import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Backend } from '../../backend/backend.ts';
import { AgentqError } from '../../core/errors.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';
import { evidenceOf } from './verify.ts';
import { noteStore, type Workspace } from '../workspace/workspace.ts';

/**
 * For a workspace that has recorded nothing yet: takes the store that lies in its place, or makes one there.
 * @param freshId of a store that is made
 * @throws AgentqError `storage`
 */
export function takeStore(workspace: Workspace, store: ArtifactStore, freshId: string): void {
  noteStore(workspace, store.make(freshId));
}

/**
 * For a workspace that has tasks: sees to it that the store in its place is the one that it was made with. A store
 * without a marker is marked where evidence lies that the log knows, and not in an empty folder: that could be the
 * mount point of a disk that is away.
 * @returns whether the store is marked
 * @throws AgentqError `storage` where another store lies there, or none
 */
export async function findStore({ workspace, store, backend }: Services, freshId: string): Promise<boolean> {
  const found = store.identity();
  const noted = workspace.storeId;
  const recorded = await recordedEvidence(store, backend);
  if (recorded === 'elsewhere' && noted === undefined) return false;
  if (recorded === 'elsewhere') {
    throw new AgentqError(
      'storage',
      `none of the evidence that the log knows lies in ${workspace.storeDir}`,
      'is its disk mounted?',
    );
  }
  if (recorded === 'none' && found === undefined && noted === undefined) return false;
  if (recorded !== 'here' && found === undefined && noted !== undefined) refuseEmpty(workspace, store);
  takeStore(workspace, store, found ?? noted ?? freshId);
  return true;
}

/**
 * For a workspace whose store has no marker any more, where no evidence tells which store it is.
 * @throws AgentqError `storage` where a folder lies in its place that holds no store
 */
function refuseEmpty({ dir, storeDir }: Workspace, store: ArtifactStore): void {
  if (storeDir === dir || existsSync(store.locate('tasks'))) return;
  throw new AgentqError(
    'storage',
    `the store is not there: ${storeDir}`,
    `is its disk mounted? for a new store in its place: mkdir -p ${store.locate('tasks')}, then agentq init`,
  );
}

/**
 * Where the evidence lies that the log knows. One piece is enough; `none`: the log knows of none, `empty`: not even
 * of a task.
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
