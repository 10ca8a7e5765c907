import { chmodSync, fchmodSync, fchownSync, fstatSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The access rights of files in the store: their modes and their group. */
export interface StoreModes {
  readonly file: number;
  readonly folder: number;
}

const GROUP = 0o070;

/**
 * Gives a file that a worker wrote, and the folders that it made on the way to it, the modes of the store: the worker's
 * umask must not hide shared files from the group. Files of other users are not changed.
 * @param path of the file, relative to the store
 */
export function openToReaders(root: string, path: string, fd: number, modes: StoreModes): void {
  const { uid, gid, mode } = fstatSync(fd);
  if (uid !== process.getuid?.()) return;
  if ((modes.file & GROUP) !== 0) shareWithGroup(fd, uid, gid, statSync(root).gid);
  if ((mode & 0o7777) !== modes.file) fchmodSync(fd, modes.file);
  // agentq itself created `artifacts` and `artifacts/ID`.
  for (let folder = dirname(path); folder.split('/').length > 2; folder = dirname(folder)) {
    const info = lstatSync(join(root, folder));
    if (info.uid === uid && (info.mode & modes.folder) !== modes.folder) chmodSync(join(root, folder), modes.folder);
  }
}

/** A moved file keeps the group of its original folder. */
function shareWithGroup(fd: number, uid: number, from: number, to: number): void {
  if (from === to) return;
  try {
    fchownSync(fd, uid, to);
  } catch (error) {
    // The owner of the file is not in that group, so the group gets no access.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}
