import { hostname } from 'node:os';
import { isRunning, startOf } from '../../../files/running-process.ts';
import type { Cache } from './cache.ts';

/**
 * The process that reads the log for all processes of this machine that share the cache. It is named in the cache: by
 * its host, its id, a random number, and when it started, which distinguishes it from a later process with the same id.
 * A process that has ended, or is on another machine, reads for no other process.
 */
export class ElectedReader {
  readonly #cache: Cache;
  readonly #self: string;

  /** @param random in [0, 1): one process may open the cache several times */
  constructor(cache: Cache, random: () => number) {
    this.#cache = cache;
    this.#self = [hostname(), process.pid, random(), startOf(process.pid) ?? ''].join(' ');
  }

  /** Whether another process reads the log for this one. */
  get isOther(): boolean {
    const name = this.#name();
    return name !== undefined && name !== this.#self && isAlive(name);
  }

  /**
   * Elects this process.
   * @param anyway whether to replace a process that is alive: it does not read fast enough
   * @returns whether this process is elected now
   */
  stand(anyway = false): boolean {
    if (this.#name() === this.#self) return true;
    return this.#cache.db.transaction(() => {
      const keep = anyway || !this.isOther;
      if (keep) this.#cache.db.run('INSERT OR REPLACE INTO reader (one, name) VALUES (1, ?)', this.#self);
      return { keep };
    }).keep;
  }

  /** Ends the service of this process. */
  resign(): void {
    this.#cache.db.run('DELETE FROM reader WHERE name = ?', this.#self);
  }

  #name(): string | undefined {
    return this.#cache.db.get<{ name: string }>('SELECT name FROM reader')?.name;
  }
}

function isAlive(name: string): boolean {
  const [host, id, , start] = name.split(' ');
  const pid = Number(id);
  if (host !== hostname() || !isRunning(pid)) return false;
  // Without a start, the id has to be enough. Then a process that does not keep up is replaced.
  const found = start ? startOf(pid) : undefined;
  return found === undefined || found === start;
}
