import type { Services } from '../src/app/services.ts';
import { findWorkspace } from '../src/app/workspace.ts';
import { FsStore } from '../src/artifacts/fs/fs-store.ts';
import { openBackend } from '../src/backend/open.ts';

const LETTERS = '23456789abcdefghjkmnpqrstuvwxyz';

/** The use cases' services on a workspace, put together as the command line does it. */
export async function openServices(folder: string): Promise<Services> {
  const workspace = findWorkspace(folder, folder);
  const { dir, storeDir, modes } = workspace;
  const clock = Date.now;
  const backend = await openBackend({
    dir,
    fileMode: modes.file,
    folderMode: modes.folder,
    clock,
    random: Math.random,
  });
  return { workspace, backend, store: new FsStore(storeDir, modes.file, modes.folder), clock, newId };
}

/** As scattered as the program's own. */
function newId(): string {
  return `task-${Array.from({ length: 12 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('')}`;
}
