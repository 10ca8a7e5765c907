import { existsSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The files that init creates in a workspace and in a store. */
const FILES = ['config.json', '.gitignore', 'store.json', '.agentq-store'];

/** The folders that init creates in them, and the database: each is removed only if it is empty. */
const FOLDERS = ['run', 'bells', 'tasks', 'results', 'artifacts'];
const DATABASE = 'agentq.db';

/** What an init adds to the places of a workspace and its store, so that a failed init can take it back. */
export class Additions {
  readonly #missing: readonly string[];
  readonly #above: readonly string[];
  #kept = false;

  /** Begin before anything is created. @param folders absolute paths; they may be missing */
  constructor(folders: readonly string[]) {
    const missing = (names: readonly string[]) =>
      folders.flatMap((folder) => names.map((name) => join(folder, name)).filter((path) => !existsSync(path)));
    this.#missing = missing([...FILES, ...FOLDERS, DATABASE]);
    this.#above = folders.flatMap(missingUpTo);
  }

  /** Another process has created the workspace meanwhile: nothing is taken back. */
  keep(): void {
    this.#kept = true;
  }

  /** Removes what was added since. Other files, and folders that contain some, stay. */
  takeBack(): void {
    if (this.#kept) return;
    for (const path of this.#missing) quietly(() => remove(path));
    for (const folder of this.#above) quietly(() => rmdirSync(folder));
  }
}

/** The folder and those above it that are missing, the deepest first. */
function missingUpTo(folder: string): string[] {
  return existsSync(folder) ? [] : [folder, ...missingUpTo(dirname(folder))];
}

function remove(path: string): void {
  const info = statSync(path);
  if (info.isDirectory()) rmdirSync(path);
  else if (!path.endsWith(DATABASE) || info.size === 0) rmSync(path);
}

/** What cannot be removed stays. The error of the init is the one to report. */
function quietly(run: () => void): void {
  try {
    run();
  } catch {
    // It is not there, not empty, or not this user's.
  }
}
