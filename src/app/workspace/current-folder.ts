import { isAbsolute, resolve } from 'node:path';
import { AgentqError } from '../../core/errors.ts';

/** The base of relative paths. It is read only for a relative path, because the folder may be gone. */
export interface CurrentFolder {
  /** @throws AgentqError if it is gone */
  readonly cwd: string;
}

/**
 * The absolute form of a path.
 * @throws AgentqError `usage` for an empty path: an unset variable of a shell gives one
 */
export function locate(from: CurrentFolder, path: string): string {
  if (path === '') throw new AgentqError('usage', 'the path is empty', 'name a file or a folder');
  return isAbsolute(path) ? resolve(path) : resolve(from.cwd, path);
}
