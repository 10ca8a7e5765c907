import type { Envelope } from '../envelope/envelope.ts';
import { groupOf } from '../envelope/group.ts';
import { type Attempt, finishedAt, isFinished, type Task } from '../task/task.ts';
import { type Figures, Tally } from './tally.ts';

/** By what figures can be split. */
export const dimensions = ['role', 'worker', 'type', 'group'] as const;
export type Dimension = (typeof dimensions)[number];

/** Figures of a part. `key` is absent for tasks without a group, or that no worker has begun. */
export interface Part extends Figures {
  readonly key?: string;
}

/** The figures of a period that ends now, from the tasks that have changed in it. */
export class Stats {
  readonly #since: number;
  readonly #by: Dimension;
  readonly #total = new Tally();
  readonly #parts = new Map<string | undefined, Tally>();

  /** @param since the beginning of the period, ms since 1970 */
  constructor(since: number, by: Dimension) {
    this.#since = since;
    this.#by = by;
  }

  add(task: Task): void {
    const key = this.#keyOf(task);
    if (task.submitted_at >= this.#since) this.#each(key, ({ counts }) => counts.submitted++);
    if (isFinished(task) && finishedAt(task) >= this.#since) this.#each(key, ({ counts }) => counts[task.status]++);
    task.attempts.forEach((attempt, i) => this.#addAttempt(task, attempt, task.attempts[i - 1]));
  }

  /** A completion or failure of a task that was never claimed makes an attempt without a length: it was no run. */
  #addAttempt(task: Task, attempt: Attempt, before: Attempt | undefined): void {
    const key = this.#by === 'worker' ? attempt.worker : this.#keyOf(task);
    const { started_at, outcome } = attempt;
    const ended = outcome === undefined ? undefined : attempt.ended_at;
    const isClaimed = ended !== started_at;
    if (started_at >= this.#since && isClaimed) {
      if (!before) this.#each(key, (tally) => tally.addWait(Math.max(0, started_at - readyAt(task))));
      if (before?.outcome === 'failed' || before?.outcome === 'lease-expired')
        this.#each(key, ({ counts }) => counts.retries++);
    }
    if (ended !== undefined && ended < this.#since) return;
    if (ended !== undefined && isClaimed) this.#each(key, (tally) => tally.addRun(ended - started_at));
    this.#each(key, (tally) => tally.addCost(attempt.cost));
  }

  #keyOf({ envelope, attempts }: Task): string | undefined {
    return this.#by === 'worker' ? attempts.at(-1)?.worker : keys[this.#by](envelope);
  }

  #each(key: string | undefined, add: (tally: Tally) => void): void {
    let part = this.#parts.get(key);
    if (!part) this.#parts.set(key, (part = new Tally()));
    add(part);
    add(this.#total);
  }

  total(): Figures {
    return this.#total.figures();
  }

  /** In the order of their keys; the part without a key is the last. */
  parts(): readonly Part[] {
    return [...this.#parts]
      .toSorted(([a], [b]) => (a === undefined ? 1 : b === undefined || a < b ? -1 : 1))
      .map(([key, tally]) => ({ ...(key !== undefined && { key }), ...tally.figures() }));
  }
}

const keys: Record<Exclude<Dimension, 'worker'>, (envelope: Envelope) => string | undefined> = {
  role: ({ to }) => to,
  type: ({ type }) => type,
  group: groupOf,
};

/** When a task could first be started, in ms since 1970: at its submit, or after the delay that the submit named. */
function readyAt({ submitted_at, envelope: { delay_seconds, not_before } }: Task): number {
  const delayed = submitted_at + Math.ceil((delay_seconds ?? 0) * 1_000);
  return Math.max(delayed, not_before === undefined ? 0 : Date.parse(not_before));
}
