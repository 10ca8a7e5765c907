import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { AgentqError } from '../../core/errors.ts';
import type { Services } from '../workspace/services.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** The folders of attempts. */
type Place = Pick<Services, 'workspace' | 'store'>;

/**
 * The conditions for all attempts of a worker: the workspace is still the one in which the worker started, and the
 * store is usable.
 */
export class Ground {
  readonly #services: Place;
  readonly #workspace: string;

  constructor(services: Place) {
    this.#services = services;
    this.#workspace = identity(services.workspace.dir);
  }

  /** The reason why no attempt is possible; undefined if none is known. */
  async fault(): Promise<AgentqError | undefined> {
    const { workspace, store } = this.#services;
    try {
      if (identity(workspace.dir) !== this.#workspace) return moved(workspace);
      checkOpen(workspace.runDir);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return moved(workspace);
      return new AgentqError('storage', `the workspace cannot be used: ${message}`, 'may this user write there?');
    }
    try {
      await store.probe();
      return undefined;
    } catch (error) {
      if (!(error instanceof AgentqError)) throw error;
      // A link in the place of a folder fails each attempt by itself.
      if (error.code === 'unreadable-file') return undefined;
      if (error.cause === undefined) return error;
      const hint = 'is its disk mounted, and may this user write there?';
      return new AgentqError('storage', `the store cannot be used: ${error.message}`, hint, error.cause as Error);
    }
  }
}

function moved({ dir }: Workspace): AgentqError {
  return new AgentqError('storage', `the workspace ${dir} was moved or removed`, 'start the worker where it is now');
}

/**
 * A missing folder is not an error: it is created when it is needed. @throws the system error if the folder is not
 * accessible
 */
function checkOpen(folder: string): void {
  if (existsSync(folder)) accessSync(folder, constants.W_OK | constants.X_OK);
}

/** The identity of the folder at a path. */
function identity(folder: string): string {
  const { dev, ino } = statSync(folder);
  return `${dev}:${ino}`;
}
