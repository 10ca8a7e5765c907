import { accessSync, chmodSync, constants, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';

/** How many parts of a path agentq makes for itself: `artifacts/ID`. What is below belongs to a worker. */
const OWN_PARTS = 1;

/**
 * Looks at a folder of the store, part by part. Every part below the root must be a real folder: a link could lead
 * out of the store. The root itself may be a link, that is the operator's choice.
 * @param root an absolute path
 * @param folder relative to the root, with `/` between its parts; `.` is the root
 * @param mode where it is given, parts that are missing are made with it, whatever the umask
 * @returns where the folder lies
 * @throws AgentqError `unreadable-file` where a part is a link, is no folder, or was closed by a worker; the error of
 *   the system where a part is missing, or where the store itself can't be used
 */
export function storeFolder(root: string, folder: string, mode?: number): string {
  const parts = folder === '.' ? [] : folder.split('/');
  let path = root;
  for (const [depth, part] of parts.entries()) {
    const above = path;
    path = join(above, part);
    try {
      const info = mode === undefined ? lstatSync(path) : madeFolder(path, mode);
      if (!info.isDirectory()) throw notAFolder(path, info);
    } catch (error) {
      throw depth > OWN_PARTS ? closedFolder(above, error) : error;
    }
  }
  if (mode !== undefined && parts.length > OWN_PARTS) checkOpen(path);
  return path;
}

/** Makes the folder, unless something has its name. */
function madeFolder(path: string, mode: number): Stats {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found) return found;
  try {
    mkdirSync(path, { mode });
    chmodSync(path, mode);
  } catch (error) {
    // Another process has made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return lstatSync(path);
}

/** @throws AgentqError `unreadable-file` where nothing can be written into the folder */
function checkOpen(path: string): void {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw closedFolder(path, error);
  }
}

/** The error of what is a link or a file and should be a folder. */
export function notAFolder(path: string, info: Stats): AgentqError {
  return new AgentqError(
    'unreadable-file',
    `${path} is ${info.isSymbolicLink() ? 'a link' : 'a file'} where the store must have a folder`,
    'remove it',
  );
}

/** The error of a folder that a worker's program may have closed. */
export function closedFolder(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM') return error;
  return new AgentqError('unreadable-file', `${path} is not yours to use`, 'check its mode');
}
