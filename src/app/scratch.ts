import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from './workspace/workspace.ts';

/** What begins the names of folders that are about to be removed. */
const MOVED = '.agentq-removed-';

/** What says where scratch lies. */
type Place = Pick<Workspace, 'runDir'>;

/** The scratch folder of an attempt: a folder of `run/`, made before the child starts and removed after it. */
export function scratchFolder({ runDir }: Place, id: string, attempt: number): string {
  return join(runDir, `${id}~${attempt}`);
}

/**
 * Where an attempt's child may write its result: into its scratch folder until the result is recorded, so that a
 * child that lost its task and writes on can't reach what was recorded meanwhile.
 */
export function scratchResult(place: Place, id: string, attempt: number): string {
  return join(scratchFolder(place, id, attempt), 'result.md');
}

/** Whose scratch a name in `run/` is: `~` is in no id. Undefined for anything else that lies there. */
export function attemptOfScratch(name: string): { readonly id: string; readonly attempt: number } | undefined {
  const [, id, attempt] = /^(.+)~([1-9]\d*)$/.exec(name) ?? [];
  return id === undefined ? undefined : { id, attempt: Number(attempt) };
}

/** Removes a scratch folder, or one of many, whatever a child left in it. None there is none to remove. */
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
 * Empties a folder, also of folders that nobody has rights to, or that are nested so deep that no path leads there:
 * the folders in a folder are moved up before it is removed. Follows no link.
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
      chmodSync(path, 0o700); // to move a folder is to write into it
      const up = Buffer.from(`${top}/${MOVED}${moved++}`);
      renameSync(path, up);
      folders.push(up);
    }
    if (folder.toString() !== top) rmdirSync(folder);
  }
}
