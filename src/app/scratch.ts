import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from './workspace/workspace.ts';

/** The prefix of folders that are being removed. */
const MOVED = '.agentq-removed-';

/** The location of scratch folders. */
type Place = Pick<Workspace, 'runDir'>;

/** The scratch folder of an attempt: a folder in `run/`, created before the child starts and removed after it ends. */
export function scratchFolder({ runDir }: Place, id: string, attempt: number): string {
  return join(runDir, `${id}~${attempt}`);
}

/**
 * The path for the result of an attempt's child. It is in the scratch folder until the result is recorded, so that a
 * child that has lost its task and still writes cannot change recorded files.
 */
export function scratchResult(place: Place, id: string, attempt: number): string {
  return join(scratchFolder(place, id, attempt), 'result.md');
}

/** The attempt of a scratch folder, from its name in `run/`: no id contains `~`. Undefined for any other name. */
export function attemptOfScratch(name: string): { readonly id: string; readonly attempt: number } | undefined {
  const [, id, attempt] = /^(.+)~([1-9]\d*)$/.exec(name) ?? [];
  return id === undefined ? undefined : { id, attempt: Number(attempt) };
}

/** Removes a scratch folder with everything that a child left in it. It does nothing if the folder does not exist. */
export function removeScratch(folder: string): void {
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
