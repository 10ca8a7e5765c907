import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AgentqError } from '../core/errors.ts';
import { type Config, readConfig } from './config.ts';

/** The folder that holds a queue, like `.git` holds a repository. */
export interface Workspace {
  readonly dir: string;
  readonly config: Config;
  /** Where tasks/, results/ and artifacts/ lie. */
  readonly storeDir: string;
  /** Scratch space of running attempts, of this machine alone. */
  readonly runDir: string;
  readonly modes: Modes;
}

export interface Modes {
  readonly file: number;
  readonly folder: number;
}

/** What a workspace can be made with. */
export interface Wanted {
  readonly store?: string | undefined;
  readonly shared?: boolean | undefined;
  /** Of a broker. */
  readonly url?: string | undefined;
  readonly replicated?: boolean | undefined;
}

const FOLDER = '.agentq';
const CONFIG = 'config.json';

const modesOf = (shared: boolean): Modes => (shared ? { file: 0o660, folder: 0o2770 } : { file: 0o600, folder: 0o700 });

/**
 * @param named `--dir` or AGENTQ_DIR: the workspace itself, or the folder that holds its `.agentq`
 * @param cwd where the search upwards begins otherwise
 * @throws AgentqError `no-workspace`
 */
export function findWorkspace(named: string | undefined, cwd: string): Workspace {
  const dir =
    named === undefined ? searchUpwards(cwd) : [resolve(cwd, named, FOLDER), resolve(cwd, named)].find(isWorkspace);
  if (dir !== undefined) return openWorkspace(dir);
  const where = named === undefined ? `${cwd} or any folder above it` : resolve(cwd, named);
  throw new AgentqError('no-workspace', `no agentq workspace in ${where}`, 'make one: agentq init');
}

function searchUpwards(from: string): string | undefined {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    const found = join(dir, FOLDER);
    if (isWorkspace(found)) return found;
    if (dirname(dir) === dir) return undefined;
  }
}

const isWorkspace = (dir: string) => existsSync(join(dir, CONFIG));

function openWorkspace(dir: string): Workspace {
  const config = readConfig(join(dir, CONFIG));
  return {
    dir,
    config,
    storeDir: config.store === undefined ? dir : resolve(dir, config.store),
    runDir: join(dir, 'run'),
    modes: modesOf(config.shared ?? false),
  };
}

/** Whether `initWorkspace` would find a workspace. */
export function existingWorkspace(named: string | undefined, cwd: string): boolean {
  return isWorkspace(placeOf(named, cwd));
}

/** The config of a workspace that is made with this. */
export function newConfig({ store, shared = false, url, replicated = false }: Wanted): Config {
  return {
    version: 1,
    ...(store !== undefined && { store }),
    ...(shared && { shared }),
    ...(url !== undefined && { url }),
    ...(replicated && { broker: { replicated } }),
  };
}

/**
 * Makes the folders and the config; what is there already is left as it is.
 * @throws AgentqError `storage` where a folder can't be made
 */
export function initWorkspace(named: string | undefined, cwd: string, wanted: Wanted): Workspace {
  const dir = placeOf(named, cwd);
  try {
    if (!isWorkspace(dir)) writeWorkspace(dir, cwd, wanted);
    const workspace = openWorkspace(dir);
    refuseOther(workspace, cwd, wanted);
    for (const folder of ['tasks', 'results', 'artifacts'])
      makeFolder(join(workspace.storeDir, folder), workspace.modes);
    makeFolder(workspace.runDir, workspace.modes);
    for (const folder of new Set([workspace.storeDir, dir, dirname(dir)])) syncFolder(folder);
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

/** What a workspace was made with is not changed by making it again. */
function refuseOther(
  { dir, storeDir, config }: Workspace,
  cwd: string,
  { store, shared, url, replicated }: Wanted,
): void {
  if (url !== undefined && url !== config.url) {
    throw new AgentqError(
      'usage',
      `${dir} was made ${config.url === undefined ? 'without a broker' : 'with another broker'}`,
      `AGENTQ_URL says which one to use instead; or change url in ${join(dir, CONFIG)}`,
    );
  }
  if (replicated && !config.broker?.replicated) {
    throw new AgentqError(
      'usage',
      `${dir} was made without --replicated`,
      `say so in ${join(dir, CONFIG)}: docs/config.md`,
    );
  }
  if ((store === undefined || resolve(cwd, store) === storeDir) && (!shared || config.shared)) return;
  throw new AgentqError(
    'usage',
    `${dir} was made with another store or for its owner alone`,
    `see ${join(dir, CONFIG)}`,
  );
}

/** The folder that is named, the workspace in it, or `.agentq` here. */
function placeOf(named: string | undefined, cwd: string): string {
  if (named === undefined) return join(resolve(cwd), FOLDER);
  const dir = resolve(cwd, named);
  return isWorkspace(join(dir, FOLDER)) ? join(dir, FOLDER) : dir;
}

function writeWorkspace(dir: string, cwd: string, wanted: Wanted): void {
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new AgentqError('usage', `${dir} is not a directory`, 'name a folder');
  }
  const modes = modesOf(wanted.shared ?? false);
  makeFolder(dir, modes);
  const config = newConfig({ ...wanted, store: wanted.store === undefined ? undefined : resolve(cwd, wanted.store) });
  writeWhole(join(dir, CONFIG), `${JSON.stringify(config, null, 2)}\n`, modes.file);
  // An agent's `git add -A` must not commit the queue.
  if (basename(dir) === FOLDER) writeWhole(join(dir, '.gitignore'), '*\n', modes.file);
}

/** Durably and whole, or not at all; a file that another process has made meanwhile is left as it is. */
function writeWhole(path: string, text: string, mode: number): void {
  const staged = `${path}.${process.pid}`;
  const fd = openSync(staged, 'w', mode);
  writeFileSync(fd, text);
  fchmodSync(fd, mode);
  fsyncSync(fd);
  closeSync(fd);
  try {
    linkSync(staged, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(staged);
  }
}

/** Makes the names in a folder durable. */
function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

/** A folder that was there before keeps its mode: it may be somebody's home. */
function makeFolder(path: string, modes: Modes): void {
  if (existsSync(path)) return;
  mkdirSync(path, { recursive: true, mode: modes.folder });
  chmodSync(path, modes.folder);
}
