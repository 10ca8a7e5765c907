import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from './workspace.ts';

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

/** Removes a scratch folder, or one of many, also what a child took its own rights to. None there is none to remove. */
export function removeScratch(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES' || !lstatSync(folder).isDirectory()) throw error;
    takeRights(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Follows no link. */
function takeRights(folder: string): void {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) takeRights(join(folder, entry.name));
  }
}
