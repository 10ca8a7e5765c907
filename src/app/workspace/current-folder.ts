import { isAbsolute, resolve } from 'node:path';

/** Where relative paths begin. Asked for only where there is one: the folder may be gone. */
export interface CurrentFolder {
  /** @throws AgentqError where it is gone */
  readonly cwd: string;
}

/** The absolute form of a path. */
export function locate(from: CurrentFolder, path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(from.cwd, path);
}
