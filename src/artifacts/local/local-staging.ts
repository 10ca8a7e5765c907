import { join, resolve } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import type { Scan, Staging } from '../staging.ts';
import { giveFolder, removeAttempt, writtenSince } from './attempt-place.ts';
import { writing } from './store-error.ts';
import { checkWritable, storeFolder } from './store-folder.ts';
import type { StoreModes } from './store-modes.ts';
import { isInside, pathInside } from './store-path.ts';
import { scanFolder } from './store-scan.ts';

/** The folders in which attempts write. */
const WRITTEN = ['results', 'artifacts'];

export class LocalStaging implements Staging {
  readonly root: string;
  readonly #modes: StoreModes;
  readonly #attend: () => void;

  /**
   * @param root an absolute path
   * @param attend throws AgentqError `storage` if the folder must not be written, because it is not the right one
   */
  constructor(root: string, modes: StoreModes, attend: () => void = () => {}) {
    this.root = resolve(root);
    this.#modes = modes;
    this.#attend = attend;
  }

  locate(path: string): string {
    const place = join(this.root, path);
    // Names are checked at their input; this is a second check.
    if (!isInside(this.root, place)) {
      throw new AgentqError('corrupt', `${path} lies outside of the store`, 'check who wrote it: agentq show');
    }
    return place;
  }

  pathOf(file: string): string | undefined {
    return pathInside(this.root, file);
  }

  scan(folder: string, enters?: (folder: string) => boolean): Scan {
    return scanFolder(this.root, folder, enters);
  }

  prepare(folder: string, claim: string, others: readonly string[]): string {
    this.#attend();
    return writing(() => giveFolder(this.root, folder, claim, others, this.#modes));
  }

  clear(folder: string): void {
    this.#attend();
    writing(() => removeAttempt(this.root, folder));
  }

  writtenSince(folder: string, claim: string): (path: string) => boolean {
    return writtenSince(this.root, folder, claim);
  }

  /** Checks that attempts can write here. @throws AgentqError `storage` */
  probe(): void {
    this.#attend();
    writing(() => WRITTEN.forEach((folder) => checkWritable(storeFolder(this.root, folder, this.#modes.folder))));
  }
}
