import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { AgentqError } from '../../core/errors.ts';
import type { Services } from '../workspace/services.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** Where attempts are made. */
type Place = Pick<Services, 'workspace' | 'store'>;

/** The folders of the store that every attempt needs: where its evidence goes. */
const needed = ['results', 'artifacts'];

/** What all attempts of a worker stand on: its workspace, which is the one that it began in, and its store. */
export class Ground {
  readonly #services: Place;
  readonly #workspace: string;

  constructor(services: Place) {
    this.#services = services;
    this.#workspace = identity(services.workspace.dir);
  }

  /** Why no attempt can be made at all; undefined where nothing is known to keep one from it. */
  fault(): AgentqError | undefined {
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
      store.attend();
      for (const folder of needed) checkOpen(store.locate(folder));
    } catch (error) {
      if (error instanceof AgentqError) return error;
      const hint = 'is its disk mounted, and may this user write there?';
      return new AgentqError('storage', `the store cannot be used: ${(error as Error).message}`, hint);
    }
    return undefined;
  }
}

function moved({ dir }: Workspace): AgentqError {
  return new AgentqError('storage', `the workspace ${dir} was moved or removed`, 'start the worker where it is now');
}

/** A folder that is missing is made when it is needed. @throws the error of the system where it is closed */
function checkOpen(folder: string): void {
  if (existsSync(folder)) accessSync(folder, constants.W_OK | constants.X_OK);
}

/** Which folder lies at a path. */
function identity(folder: string): string {
  const { dev, ino } = statSync(folder);
  return `${dev}:${ino}`;
}
