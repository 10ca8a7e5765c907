import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import { createFile, replaceFile, syncFolder } from '../../files/durable-file.ts';
import { Additions } from './additions.ts';
import { type Config, readConfig } from './config.ts';
import { type CurrentFolder, locate } from './current-folder.ts';
import { unreadable } from './text-file.ts';

/** The folder that holds a queue, like `.git` holds a repository. */
export interface Workspace {
  readonly dir: string;
  readonly config: Config;
  /** The folder of tasks/, results/ and artifacts/. */
  readonly storeDir: string;
  /** The scratch folders of running attempts on this machine. */
  readonly runDir: string;
  readonly modes: Modes;
  /** The id of its store; undefined in a workspace of an older version. */
  readonly storeId?: string;
  /** Whether the config names another place for the store than when the id was recorded. */
  readonly storeMoved: boolean;
}

export interface Modes {
  readonly file: number;
  readonly folder: number;
}

/** The options for a new workspace. */
export interface Wanted {
  readonly store?: string | undefined;
  readonly shared?: boolean | undefined;
  /** Of a broker. */
  readonly url?: string | undefined;
  readonly replicated?: boolean | undefined;
}

const FOLDER = '.agentq';
const CONFIG = 'config.json';

/** Beside the config, because older versions refuse unknown config fields. */
const STORE = 'store.json';

const modesOf = (shared: boolean): Modes => (shared ? { file: 0o660, folder: 0o2770 } : { file: 0o600, folder: 0o700 });

/**
 * @param named `--dir` or AGENTQ_DIR: the workspace itself, or the folder that contains its `.agentq`
 * @param from the start of the upward search if `named` is absent
 * @throws AgentqError `no-workspace`; `unreadable-file` if it is not readable
 */
export async function findWorkspace(named: string | undefined, from: CurrentFolder): Promise<Workspace> {
  const place = named === undefined ? undefined : locate(from, named);
  const dir = place === undefined ? searchUpwards(from.cwd) : [join(place, FOLDER), place].find(isWorkspace);
  if (dir !== undefined) return await openWorkspace(dir);
  if (place !== undefined) for (const folder of [join(place, FOLDER), place]) refuseLostConfig(folder);
  const where = place ?? `${from.cwd} or any folder above it`;
  throw new AgentqError('no-workspace', `no agentq workspace in ${where}`, 'create one: agentq init');
}

function searchUpwards(from: string): string | undefined {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    const found = join(dir, FOLDER);
    if (isWorkspace(found)) return found;
    refuseLostConfig(found);
    if (dirname(dir) === dir) return undefined;
  }
}

/** @throws AgentqError `no-workspace` if the folder has the database or the note of a workspace without its config */
function refuseLostConfig(dir: string): void {
  if (![STORE, 'agentq.db'].some((name) => existsSync(join(dir, name)))) return;
  throw new AgentqError(
    'no-workspace',
    `${join(dir, CONFIG)} is missing, but other files of the workspace exist`,
    'restore the file, or run agentq init with the same options as before (--store, --shared, --url)',
  );
}

/** @throws AgentqError `unreadable-file` if the access rights are missing */
function isWorkspace(dir: string): boolean {
  const config = join(dir, CONFIG);
  try {
    return statSync(config, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw unreadable(error, firstAbove(config));
  }
}

/** The nearest existing folder above a path. If access rights are missing, they are missing in this folder. */
function firstAbove(path: string): string {
  const above = dirname(path);
  try {
    statSync(above);
    return above;
  } catch {
    return firstAbove(above);
  }
}

async function openWorkspace(dir: string): Promise<Workspace> {
  const config = await readConfig(join(dir, CONFIG));
  const noted = notedStore(dir);
  return {
    dir,
    ...(noted && { storeId: noted.id }),
    storeMoved: noted?.place !== undefined && noted.place !== storePlace(config),
    config,
    storeDir: config.store === undefined ? dir : resolve(dir, config.store),
    runDir: join(dir, 'run'),
    modes: modesOf(config.shared ?? false),
  };
}

/** The place of the store as the config names it. */
function storePlace({ store }: Config): string {
  return store ?? '.';
}

/** Records the id and the place of the workspace's store durably. */
export function noteStore({ dir, modes, storeId, storeMoved, config }: Workspace, id: string): void {
  if (storeId === id && !storeMoved) return;
  replaceFile(join(dir, STORE), `${JSON.stringify({ format: 1, id, place: storePlace(config) })}\n`, modes.file);
}

/**
 * @returns undefined if there is no file
 * @throws AgentqError `unreadable-file`; `corrupt` if the file contains no id: to continue could mean to use another
 *   store
 */
function notedStore(dir: string): { readonly id: string; readonly place?: string } | undefined {
  const path = join(dir, STORE);
  try {
    const { id, place } = JSON.parse(readFileSync(path, 'utf8')) as { id?: unknown; place?: unknown };
    if (typeof id === 'string' && id !== '') return { id, ...(typeof place === 'string' && { place }) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code !== undefined) throw unreadable(error, path);
  }
  throw new AgentqError('corrupt', `${path} does not name a store`, 'delete it, then: agentq init');
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
  // Not mkdir's `recursive`: it never ends in a file system that makes no folders, such as /proc.
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
