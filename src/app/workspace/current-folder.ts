import { isAbsolute, resolve } from 'node:path';

/** The base of relative paths. It is read only for a relative path, because the folder may be gone. */
export interface CurrentFolder {
  /** @throws AgentqError if it is gone */
  readonly cwd: string;
}

/** The absolute form of a path. */
export function locate(from: CurrentFolder, path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(from.cwd, path);
}
