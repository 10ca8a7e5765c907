import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import { createFile, syncFolder } from '../../files/durable-file.ts';
import { readRegular } from '../../files/regular-file.ts';
import { madeFolder, storeFolder } from '../local/store-folder.ts';
import type { StoreModes } from '../local/store-modes.ts';

/** The folders of evidence. */
const FOLDERS = ['tasks', 'results', 'artifacts'];

/** The same, and the folders that exist only in some stores. */
export const ALL_FOLDERS = [...FOLDERS, 'snapshots'];

/** The file that contains the id of the store. An empty mount point has none. */
const MARKER = '.agentq-store';

/**
 * The id in the store; undefined if there is none.
 * @throws AgentqError `storage` if this user may not read it
 */
export function storeId(root: string): string | undefined {
  try {
    const { id } = JSON.parse(readRegular(join(root, MARKER)).toString('utf8')) as { id?: unknown };
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') return undefined;
    throw new AgentqError(
      'storage',
      `${path} is not readable for this user`,
      'check the owner and mode of it and of the folders above',
    );
  }
}

/**
 * Creates the missing parts of a store, and marks it durably if it has no marker. An existing root keeps its mode,
 * because it may be a home folder.
 * @returns the id of the store
 * @throws AgentqError `storage`; `usage` if the root is not a folder
 */
export function makeStore(root: string, id: string, modes: StoreModes): string {
  try {
    makeRoot(root, modes.folder);
    if (!statSync(root).isDirectory()) throw new AgentqError('usage', `${root} is not a directory`, 'name a folder');
    for (const folder of FOLDERS) storeFolder(root, folder, modes.folder);
    const marker = join(root, MARKER);
    if (!existsSync(marker)) createFile(marker, `${JSON.stringify({ format: 1, id })}\n`, modes.file);
    for (const folder of [root, dirname(root)]) syncFolder(folder);
    return storeId(root) ?? unreadableMarker(marker);
  } catch (error) {
    if (error instanceof AgentqError) throw error;
    throw new AgentqError('storage', (error as Error).message, 'name a folder that you may write to');
  }
}

/** The root of a store and the missing folders above it. */
function makeRoot(root: string, mode: number): void {
  // Not mkdir's `recursive`: it never ends in a file system without new folders, such as /proc.
  if (existsSync(root)) return;
  makeRoot(dirname(root), mode);
  madeFolder(root, mode);
}

/** Whether the folder of contexts is there, which `makeStore` creates first. */
export function isMade(root: string): boolean {
  return existsSync(join(root, FOLDERS[0]!));
}

/**
 * @param expected the id of the workspace's store; undefined if none was recorded
 * @throws AgentqError `storage` if another store or no store is there
 */
export function checkStore(root: string, expected: string | undefined): void {
  // A store of an older version has no marker, but it has the folders that init created.
  if (expected === undefined && FOLDERS.some((folder) => existsSync(join(root, folder)))) return;
  const found = expected === undefined ? undefined : storeId(root);
  if (found !== undefined && found === expected) return;
  const what = found === undefined ? 'the store is missing' : 'another store lies there';
  throw new AgentqError('storage', `${what}: ${root}`, 'is its disk mounted? If this is the right place: agentq init');
}

function unreadableMarker(path: string): never {
  throw new AgentqError('storage', `${path} is not the marker of a store`, 'check it, then delete it');
}
