import { chmodSync, fchmodSync, fchownSync, fstatSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What an owner may give away about files: their modes, and their group. */
export interface StoreModes {
  readonly file: number;
  readonly folder: number;
}

const GROUP = 0o070;

/**
 * Gives a file that a worker wrote, and the folders that it made on the way to it, the modes of the store: the
 * worker's umask must not hide from a group what the group shares. What belongs to another user is left alone.
 * @param path of the file, relative to the store
 */
export function openToReaders(root: string, path: string, fd: number, modes: StoreModes): void {
  const { uid, gid, mode } = fstatSync(fd);
  if (uid !== process.getuid?.()) return;
  if ((modes.file & GROUP) !== 0) shareWithGroup(fd, uid, gid, statSync(root).gid);
  if ((mode & 0o7777) !== modes.file) fchmodSync(fd, modes.file);
  // `artifacts` and `artifacts/ID` were made by agentq itself.
  for (let folder = dirname(path); folder.split('/').length > 2; folder = dirname(folder)) {
    const info = lstatSync(join(root, folder));
    if (info.uid === uid && (info.mode & modes.folder) !== modes.folder) chmodSync(join(root, folder), modes.folder);
  }
}

/** A file that was moved here has the group of where it was made. */
function shareWithGroup(fd: number, uid: number, from: number, to: number): void {
  if (from === to) return;
  try {
    fchownSync(fd, uid, to);
  } catch (error) {
    // Its owner is not in that group: then the group may not see it.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}
