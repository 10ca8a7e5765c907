import { type Cost, sumOf } from '../cost.ts';
import { type Distribution, distributionOf } from './distribution.ts';

/** What happened to some tasks in a period. docs/stats.md defines each figure. */
export interface Figures {
  readonly submitted: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
  /** The share of the failed tasks in the completed and failed ones; absent if there are none. */
  readonly failure_rate?: number;
  readonly retries: number;
  /** From the time when a task was ready to its first start. */
  readonly wait?: Distribution;
  /** From the start of an attempt to its end. */
  readonly run?: Distribution;
  readonly cost?: Cost;
}

/** The sums behind figures. It keeps two numbers for each task, and no task. */
export class Tally {
  readonly counts = { submitted: 0, completed: 0, failed: 0, cancelled: 0, expired: 0, retries: 0 };
  readonly #waits: number[] = [];
  readonly #runs: number[] = [];
  #cost: Cost | undefined;

  addWait(ms: number): void {
    this.#waits.push(ms);
  }

  addRun(ms: number): void {
    this.#runs.push(ms);
  }

  addCost(cost: Cost | undefined): void {
    this.#cost = cost ? sumOf([this.#cost, cost]) : this.#cost;
  }

  figures(): Figures {
    const { completed, failed } = this.counts;
    const [wait, run] = [distributionOf(this.#waits), distributionOf(this.#runs)];
    return {
      ...this.counts,
      ...(completed + failed > 0 && { failure_rate: failed / (completed + failed) }),
      ...(wait && { wait }),
      ...(run && { run }),
      ...(this.#cost && { cost: this.#cost }),
    };
  }
}
