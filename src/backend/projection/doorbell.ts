import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  type FSWatcher,
  mkdirSync,
  openSync,
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
 * Wakes the processes that wait for a topic. Each topic has a file, which is written after a commit and watched by the
 * waiting processes. It guarantees nothing: a ring can be lost, and a waiting process must also check from time to
 * time.
 */
export class Doorbell {
  readonly #dir: string;
  readonly #fileMode: number;
  readonly #bells = new Map<string, number>();
  readonly #listeners: Listeners;
  #watcher: FSWatcher | undefined;

  /** @param listeners the callers to wake */
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
    try {
      writeSync(this.#bell(nameOf(topic)), '.', 0);
    } catch {
      // Waiting processes see the change at their next slow check.
    }
  }

  /** Open files are kept, and never truncated: to open or truncate costs more than the ring. */
  #bell(name: string): number {
    let bell = this.#bells.get(name);
    if (bell === undefined) {
      const path = join(this.#dir, name);
      const fresh = !existsSync(path);
      bell = openSync(path, constants.O_WRONLY | constants.O_CREAT, this.#fileMode);
      if (fresh) fchmodSync(bell, this.#fileMode); // overrides the umask
      this.#bells.set(name, bell);
    }
    return bell;
  }

  watch(topic: Topic): Watch {
    const watched = this.listen();
    return this.#listeners.watch(nameOf(topic), watched ? Infinity : UNWATCHED_POLL, () => {
      if (this.#listeners.none) this.#stop();
    });
  }

  /** Begins to listen. @returns whether the system provides a file watch */
  listen(): boolean {
    if (this.#watcher) return true;
    try {
      this.#watcher = watch(this.#dir, { persistent: false }, (_event, name) => {
        this.#listeners.ring(name ?? '');
      });
      this.#watcher.on('error', () => this.#stop());
      return true;
    } catch {
      return false;
    }
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
