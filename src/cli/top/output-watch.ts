import { lastLineOf, readLogEnd } from '../../app/top/log-end.ts';
import type { Services } from '../../app/workspace/services.ts';
import type { Task } from '../../core/task/task.ts';

/** How much of a log is read for its last line, and for the page that follows it, in bytes. */
const LINE = 4_096;
const LOG = 262_144;

/** Reads what tasks print on this machine. A log whose size has not changed is not read again. */
export class OutputWatch {
  readonly #services: Services;
  #lines = new Map<string, string>();
  #sizes = new Map<string, number>();
  #followed: { readonly task: Task; size?: number } | undefined;

  constructor(services: Services) {
    this.#services = services;
  }

  /** @returns the last line of each of these tasks that printed something; undefined if no line has changed */
  lastLines(tasks: readonly Task[]): ReadonlyMap<string, string> | undefined {
    const lines = new Map<string, string>();
    const sizes = new Map<string, number>();
    let changed = false;
    for (const task of tasks) {
      const key = `${task.id}~${task.attempts.at(-1)?.number}`;
      const known = this.#sizes.get(key);
      const log = readLogEnd(this.#services, task, LINE, known);
      if (!log) continue;
      if (log !== 'same') changed = true;
      sizes.set(key, log === 'same' ? known! : log.size);
      lines.set(task.id, log === 'same' ? (this.#lines.get(task.id) ?? '') : lastLineOf(log.text));
    }
    changed ||= lines.size !== this.#lines.size;
    this.#lines = lines;
    this.#sizes = sizes;
    return changed ? lines : undefined;
  }

  /** From now on, the log of this attempt is followed. */
  follow(task: Task): void {
    const isSame = this.#followed?.task.id === task.id && this.#followed.task.attempts.length === task.attempts.length;
    this.#followed = isSame ? { ...this.#followed, task } : { task };
  }

  /**
   * @param isShown whether the caller has the text of the last call
   * @returns the end of the log that is followed, without text if there is none; undefined if it has not changed
   */
  log(isShown: boolean): { readonly id: string; readonly text: string | undefined } | undefined {
    const followed = this.#followed;
    if (!followed) return undefined;
    const log = readLogEnd(this.#services, followed.task, LOG, isShown ? followed.size : undefined);
    if (log === 'same') return undefined;
    if (log) followed.size = log.size;
    return { id: followed.task.id, text: log?.text };
  }
}
