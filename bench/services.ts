import type { Services } from '../src/app/workspace/services.ts';
import { findWorkspace, type Workspace } from '../src/app/workspace/workspace.ts';
import { FsStore } from '../src/artifacts/fs/fs-store.ts';
import { openBackend } from '../src/backend/open.ts';
import type { BackendOptions } from '../src/backend/options.ts';
import { clockId } from '../src/cli/process/clock-id.ts';
import { queueOptions } from '../src/cli/queue-options.ts';

const LETTERS = '23456789abcdefghjkmnpqrstuvwxyz';

/** The services of a workspace, created as the command line creates them. */
export async function openServices(folder: string): Promise<Services> {
  const workspace = await findWorkspace(folder, { cwd: folder });
  const backend = await openBackend(await openOptions(folder));
  return { workspace, backend, store: storeOf(workspace), clock: Date.now, monotonic: () => performance.now(), newId };
}

/** The options for the backend of a workspace. */
export async function openOptions(folder: string): Promise<BackendOptions> {
  const workspace = await findWorkspace(folder, { cwd: folder });
  const { dir, modes, config } = workspace;
  const store = storeOf(workspace);
  const queue = queueOptions(config.url, config, {
    timeout: undefined,
    say: (line) => process.stderr.write(`${line}\n`),
    refOf: (path) => store.refOf(path),
    machine: () => ({ name: 'bench', clock: clockId() }),
  });
  return { dir, fileMode: modes.file, folderMode: modes.folder, clock: Date.now, random: Math.random, queue };
}

function storeOf({ storeDir, modes }: Workspace): FsStore {
  return new FsStore(storeDir, modes.file, modes.folder);
}

/** Ids that are random like those of the program. */
function newId(): string {
  return `task-${Array.from({ length: 12 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('')}`;
}
