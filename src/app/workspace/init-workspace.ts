import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import { createFile, syncFolder } from '../../files/durable-file.ts';
import { Additions } from './additions.ts';
import type { Config } from './config.ts';
import { type CurrentFolder, locate } from './current-folder.ts';
import { CONFIG, FOLDER, isWorkspace, type Modes, modesOf, openWorkspace, type Workspace } from './workspace.ts';

/** The options for a new workspace. */
export interface Wanted {
  readonly store?: string | undefined;
  readonly shared?: boolean | undefined;
  /** Of a broker. */
  readonly url?: string | undefined;
  readonly replicated?: boolean | undefined;
}

/** Whether `initWorkspace` would find an existing workspace. */
export function existingWorkspace(named: string | undefined, from: CurrentFolder): boolean {
  return isWorkspace(placeOf(named, from));
}

/** The config of a new workspace with these options. */
export function newConfig({ store, shared = false, url, replicated = false }: Wanted): Config {
  return {
    version: 1,
    ...(store !== undefined && { store }),
    ...(shared && { shared }),
    ...(url !== undefined && { url }),
    ...(replicated && { broker: { replicated } }),
  };
}

/** What an init adds in the place of a new workspace and of its store. Begin before `initWorkspace`. */
export function newAdditions(named: string | undefined, from: CurrentFolder, { store }: Wanted): Additions {
  return new Additions([placeOf(named, from), ...(store === undefined ? [] : [locate(from, store)])]);
}

/**
 * Creates the folder and the config, but not the store. Existing parts stay unchanged.
 * @throws AgentqError `storage` if a folder cannot be created
 */
export async function initWorkspace(
  named: string | undefined,
  from: CurrentFolder,
  wanted: Wanted,
  additions?: Additions,
): Promise<Workspace> {
  const dir = placeOf(named, from);
  try {
    if (isWorkspace(dir)) additions?.keep();
    else writeWorkspace(dir, from, wanted, additions);
    const workspace = await openWorkspace(dir);
    refuseOther(workspace, from, wanted);
    makeFolder(workspace.runDir, workspace.modes);
    for (const folder of [dir, dirname(dir)]) syncFolder(folder);
    return workspace;
  } catch (error) {
    if (error instanceof AgentqError) throw error;
    throw new AgentqError(
      'storage',
      (error as Error).message,
      'name a folder that you may write to: agentq init --dir PATH',
    );
  }
}

/** A repeated init does not change the options of a workspace. */
function refuseOther(
  { dir, storeDir, config }: Workspace,
  from: CurrentFolder,
  { store, shared, url, replicated }: Wanted,
): void {
  if (url !== undefined && url !== config.url) {
    throw new AgentqError(
      'usage',
      `${dir} was created ${config.url === undefined ? 'without a broker' : 'with another broker'}`,
      `set AGENTQ_URL to use another one, or change url in ${join(dir, CONFIG)}`,
    );
  }
  if (replicated !== undefined && replicated !== (config.broker?.replicated ?? false)) {
    throw new AgentqError(
      'usage',
      `${dir} was created ${replicated ? 'without' : 'with'} --replicated`,
      `set it in ${join(dir, CONFIG)}: docs/config.md`,
    );
  }
  if ((store === undefined || locate(from, store) === storeDir) && (!shared || config.shared)) return;
  throw new AgentqError(
    'usage',
    `${dir} was created with another store, or for its owner only`,
    `see ${join(dir, CONFIG)}`,
  );
}

/** The named folder, the workspace in it, or `.agentq` in the current folder. */
function placeOf(named: string | undefined, from: CurrentFolder): string {
  if (named === undefined) return join(from.cwd, FOLDER);
  const dir = locate(from, named);
  return isWorkspace(join(dir, FOLDER)) ? join(dir, FOLDER) : dir;
}

function writeWorkspace(dir: string, from: CurrentFolder, wanted: Wanted, additions?: Additions): void {
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new AgentqError('usage', `${dir} is not a directory`, 'name a folder');
  }
  const modes = modesOf(wanted.shared ?? false);
  makeFolder(dir, modes);
  const config = newConfig({ ...wanted, store: wanted.store === undefined ? undefined : locate(from, wanted.store) });
  if (!createFile(join(dir, CONFIG), `${JSON.stringify(config, null, 2)}\n`, modes.file)) additions?.keep();
  // An agent's `git add -A` must not commit the queue.
  if (basename(dir) === FOLDER) createFile(join(dir, '.gitignore'), '*\n', modes.file);
}

/**
 * Creates the folder and the missing folders above it. An existing folder keeps its mode, because it may be a home
 * folder.
 */
function makeFolder(path: string, modes: Modes): void {
  // Not mkdir's `recursive`: it never ends in a file system without new folders, such as /proc.
  if (existsSync(path)) return;
  makeFolder(dirname(path), modes);
  try {
    mkdirSync(path, { mode: modes.folder });
  } catch (error) {
    // Another process has created it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return;
  }
  chmodSync(path, modes.folder);
}
