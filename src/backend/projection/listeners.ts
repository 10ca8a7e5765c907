import type { Topic, Watch } from '../backend.ts';

export function nameOf(topic: Topic): string {
  return typeof topic === 'string' ? topic : `role-${topic.role}`;
}

/** The callers in this process that wait for a topic, by its name. */
export class Listeners {
  readonly #byName = new Map<string, Set<() => void>>();

  get none(): boolean {
    return this.#byName.size === 0;
  }

  ring(name: string): void {
    for (const listener of this.#byName.get(name) ?? []) listener();
  }

  /** The names of the topics that a caller waits for. */
  get names(): Iterable<string> {
    return this.#byName.keys();
  }

  ringAll(): void {
    for (const name of this.names) this.ring(name);
  }

  /**
   * @param longest how long one wait may take at most, in ms
   * @param onEnd called when the watch was disposed of
   */
  watch(name: string, longest: number, onEnd: () => void): Watch {
    let rung = false;
    let wake: (() => void) | undefined;
    const listener = () => {
      rung = true;
      wake?.();
    };
    const listeners = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, listeners.add(listener));
    return {
      wait: (ms, signal) =>
        new Promise((resolve) => {
          const done = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', done);
            wake = undefined;
            resolve(rung);
            rung = false;
          };
          const timer = setTimeout(done, Math.min(ms, longest, 2 ** 31 - 1));
          signal?.addEventListener('abort', done);
          wake = done;
          if (rung || signal?.aborted) done();
        }),
      [Symbol.dispose]: () => {
        if (!listeners.delete(listener)) return;
        if (listeners.size === 0 && this.#byName.get(name) === listeners) this.#byName.delete(name);
        onEnd();
      },
    };
  }
}
