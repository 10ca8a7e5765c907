import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  type FSWatcher,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  watch,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Topic, Watch } from '../backend.ts';
import { Listeners, nameOf } from './listeners.ts';

/** The folder of the doorbell in that of a store. */
export const bellsIn = (dir: string): string => join(dir, 'bells');

/** How often to check if the system provides no file watch (its limit is reached), in ms. */
const UNWATCHED_POLL = 500;

/**
 * Wakes the processes that wait for a topic. Each topic that a process has ever waited for has a file, which is written
 * after a commit and watched by the waiting processes. It guarantees nothing: a ring can be lost, and a waiting process
 * must also check from time to time.
 */
export class Doorbell {
  readonly #dir: string;
  readonly #fileMode: number;
  readonly #bells = new Map<string, number>();
  readonly #listeners: Listeners;
  #watcher: FSWatcher | undefined;

  /** @param listeners the callers to wake, if not only those of {@link watch} */
  constructor(dir: string, fileMode: number, listeners = new Listeners()) {
    this.#dir = dir;
    this.#fileMode = fileMode;
    this.#listeners = listeners;
  }

  static create(dir: string, mode: number): void {
    if (existsSync(dir)) return;
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, mode);
  }

  ring(topic: Topic): void {
    this.#ring(nameOf(topic));
  }

  /** Rings for every topic that a process has ever waited for. */
  ringAll(): void {
    try {
      for (const name of readdirSync(this.#dir)) this.#ring(name);
    } catch {
      // As for a ring that is lost.
    }
  }

  #ring(name: string): void {
    try {
      const bell = this.#bell(name);
      if (bell !== undefined) writeSync(bell, '.', 0);
    } catch {
      // Waiting processes see the change at their next slow check.
    }
  }

  /**
   * Open files are kept, and never truncated: to open or truncate costs more than the ring.
   * @returns undefined if no process has waited for the topic yet
   */
  #bell(name: string): number | undefined {
    let bell = this.#bells.get(name);
    if (bell === undefined) {
      const path = join(this.#dir, name);
      if (!existsSync(path)) return undefined;
      bell = openSync(path, constants.O_WRONLY);
      this.#bells.set(name, bell);
    }
    return bell;
  }

  #make(name: string): boolean {
    const path = join(this.#dir, name);
    if (existsSync(path)) return true;
    try {
      const bell = openSync(path, constants.O_WRONLY | constants.O_CREAT, this.#fileMode);
      fchmodSync(bell, this.#fileMode); // overrides the umask
      closeSync(bell);
      return true;
    } catch {
      return false;
    }
  }

  watch(topic: Topic): Watch {
    const watched = this.listen([nameOf(topic)]);
    return this.#listeners.watch(nameOf(topic), watched ? Infinity : UNWATCHED_POLL, () => {
      if (this.#listeners.none) this.#stop();
    });
  }

  /** Begins to listen for the topics of these names. @returns whether the system provides a file watch */
  listen(names: Iterable<string> = this.#listeners.names): boolean {
    for (const name of names) if (!this.#make(name)) return false;
    if (this.#watcher) return true;
    try {
      this.#watcher = watch(this.#dir, { persistent: false }, (_event, name) => {
        if (name !== null && this.#isRung(name)) this.#listeners.ring(name);
      });
      this.#watcher.on('error', () => this.#stop());
      return true;
    } catch {
      return false;
    }
  }

  /** An empty file was made by a process that waits, and no ring has been written to it yet. */
  #isRung(name: string): boolean {
    return statSync(join(this.#dir, name), { throwIfNoEntry: false })?.size !== 0;
  }

  #stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  close(): void {
    this.#stop();
    for (const bell of this.#bells.values()) closeSync(bell);
    this.#bells.clear();
  }
}
