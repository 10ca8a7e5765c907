import { snapshotFilesIn } from '../../../src/app/snapshot-files.ts';
import type { Services } from '../../../src/app/workspace/services.ts';
import { findWorkspace } from '../../../src/app/workspace/workspace.ts';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';
import type { ArtifactStore } from '../../../src/artifacts/store.ts';
import { openBackend } from '../../../src/backend/open.ts';
import { brokerOptions } from '../../backend/support/broker-options.ts';
import { storeOptions } from '../../backend/support/store-options.ts';

/**
 * The services of a workspace whose queue is a file, or on a broker. New tasks are called t1, t2, ... This file does
 * not import vitest, because child processes import it.
 * @param wrap returns the store to use instead, for example one that counts the changes
 */
export async function openServices(
  dir: string,
  url?: string,
  wrap = (store: ArtifactStore): ArtifactStore => store,
): Promise<Services> {
  const workspace = await findWorkspace(dir, { cwd: dir });
  const store = wrap(new FsStore(workspace.storeDir, 0o600, 0o700, workspace.storeId));
  const snapshots = async () => snapshotFilesIn(store);
  const queue = url === undefined ? undefined : brokerOptions(url, { snapshots });
  const backend = await openBackend(storeOptions(dir, queue && { queue }));
  let ids = 0;
  return { workspace, backend, store, clock: Date.now, monotonic: () => performance.now(), newId: () => `t${++ids}` };
}
