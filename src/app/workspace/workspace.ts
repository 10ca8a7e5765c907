import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import { replaceFile } from '../../files/durable-file.ts';
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

export const FOLDER = '.agentq';
export const CONFIG = 'config.json';

/** Beside the config, because older versions refuse unknown config fields. */
const STORE = 'store.json';

export const modesOf = (shared: boolean): Modes =>
  shared ? { file: 0o660, folder: 0o2770 } : { file: 0o600, folder: 0o700 };

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
export function isWorkspace(dir: string): boolean {
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

export async function openWorkspace(dir: string): Promise<Workspace> {
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
