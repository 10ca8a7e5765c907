import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';

/** The prefix of folders that are being removed. */
const MOVED = '.agentq-removed-';

/** Removes a folder with everything that a worker's program left in it. Nothing happens if it does not exist. */
export function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if (!lstatSync(folder).isDirectory()) throw error;
    empty(folder);
    rmdirSync(folder);
  }
}

/**
 * Empties a folder. This also works for folders without access rights and for folders nested deeper than the maximum
 * path length, because inner folders are moved up before the outer one is removed. It follows no link.
 */
function empty(top: string): void {
  chmodSync(top, 0o700);
  let moved = 0;
  const folders = [Buffer.from(top)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([folder, Buffer.from('/'), entry.name]);
      if (!entry.isDirectory()) {
        unlinkSync(path);
        continue;
      }
      chmodSync(path, 0o700); // moving a folder writes into it
      const up = Buffer.from(`${top}/${MOVED}${moved++}`);
      renameSync(path, up);
      folders.push(up);
    }
    if (folder.toString() !== top) rmdirSync(folder);
  }
}
