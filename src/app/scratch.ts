import { join } from 'node:path';
import type { Workspace } from './workspace/workspace.ts';

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
