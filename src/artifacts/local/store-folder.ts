import { accessSync, chmodSync, constants, lstatSync, mkdirSync, type Stats, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';

/** The number of path parts that agentq creates itself: `artifacts/ID`. Folders below belong to a worker. */
const OWN_PARTS = 1;

/**
 * Checks the path of a folder in the store, part by part. Every part below the root must be a real folder, because a
 * link could lead out of the store. The root itself may be a link; the operator decides that.
 * @param root an absolute path
 * @param folder relative to the root, with `/` between its parts; `.` is the root
 * @param mode if given, missing parts are created with this mode, independent of the umask
 * @returns where the folder lies
 * @throws AgentqError `unreadable-file` if a part is a link, is not a folder, or a worker removed its rights; the
 *   system error if a part is missing or the store itself is not usable
 */
export function storeFolder(root: string, folder: string, mode?: number): string {
  const path = findFolder(root, folder, mode);
  if (path !== undefined) return path;
  throw Object.assign(new Error(`ENOENT: no such folder, ${join(root, folder)}`), { code: 'ENOENT' });
}

/** Like {@link storeFolder}, but returns undefined if a part is missing: to throw an error costs more than the check. */
export function findFolder(root: string, folder: string, mode?: number): string | undefined {
  const parts = folder === '.' ? [] : folder.split('/');
  let path = root;
  for (const [depth, part] of parts.entries()) {
    const above = path;
    path = join(above, part);
    try {
      const info = mode === undefined ? lstatSync(path, { throwIfNoEntry: false }) : madeFolder(path, mode);
      if (!info) return undefined;
      if (!info.isDirectory()) throw notAFolder(path, info);
    } catch (error) {
      throw depth > OWN_PARTS ? closedFolder(above, error) : error;
    }
  }
  if (mode !== undefined && parts.length > OWN_PARTS) checkOpen(path);
  return path;
}

/** Creates the folder, unless the name exists. */
export function madeFolder(path: string, mode: number): Stats {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found) return found;
  try {
    mkdirSync(path, { mode });
    chmodSync(path, mode);
  } catch (error) {
    // Another process has created it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return lstatSync(path);
}

/** @throws AgentqError `unreadable-file` if the folder is not writable */
function checkOpen(path: string): void {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw closedFolder(path, error);
  }
}

/** The error for a link or a file in the place of a folder. */
export function notAFolder(path: string, info: Stats): AgentqError {
  return new AgentqError(
    'unreadable-file',
    `${path} is ${info.isSymbolicLink() ? 'a link' : 'a file'} where the store must have a folder`,
    'remove it',
  );
}

/** The error for a folder whose rights a worker's program may have removed. */
export function closedFolder(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM') return error;
  return new AgentqError('unreadable-file', `${path} is not accessible for this user`, 'check its mode');
}

/**
 * Checks that files can be created in a folder, as far as the system can tell without the creation of a file, which
 * would make the next sync of the disk slower.
 * @throws the system error; AgentqError `storage` if the disk is full
 */
export function checkWritable(path: string): void {
  accessSync(path, constants.W_OK | constants.X_OK);
  const { blocks, bavail, files, ffree } = statfsSync(path);
  const lacks = blocks > 0 && bavail === 0 ? 'space' : files > 0 && ffree === 0 ? 'inodes' : undefined;
  if (lacks !== undefined)
    throw new AgentqError('storage', `ENOSPC: the disk of ${path} has no free ${lacks}`, 'free space on it');
}
