import { AgentqError } from '../../core/errors.ts';
import { patience, type Services } from '../services.ts';
import { type AttemptReport, AttemptRun, type RunOptions } from './attempt-run.ts';
import { Guard } from './guard.ts';

export interface WorkerOptions extends Omit<RunOptions, 'guard'> {
  readonly role: string;
  readonly worker: string;
  readonly concurrency: number;
  /** Ends when no task of the role is ready, being retried, or running here. */
  readonly untilEmpty: boolean;
  /** Ends after having had nothing to do for so long, in ms. */
  readonly idleExit?: number | undefined;
  readonly onStart: (id: string, attempt: number) => void;
  readonly onEnd: (report: AttemptReport) => void;
}

/** How long to wait before asking a store again that could not answer, in ms. */
const STORE_TROUBLE = 1_000;

/** Pulls the tasks of a role and runs a child for each, as many at once as it may. */
export class Worker {
  readonly #services: Services;
  readonly #options: WorkerOptions;
  readonly #guard = new Guard();
  readonly #running = new Set<AttemptRun>();
  #draining = false;
  #wake = new AbortController();
  #lastBusy: number;

  constructor(services: Services, options: WorkerOptions) {
    this.#services = services;
    this.#options = options;
    this.#lastBusy = services.clock();
  }

  /** No new task from now on; running ones finish. */
  drain(): void {
    this.#draining = true;
    this.#wake.abort();
  }

  /** Stops the running children and gives their tasks back. */
  handBack(): void {
    this.drain();
    for (const run of this.#running) run.stop('handed-back');
  }

  /** Resolves when it has drained, or has nothing to do and was told to end then. */
  async run(): Promise<void> {
    const { backend, clock } = this.#services;
    using watch = backend.watch({ role: this.#options.role });
    try {
      for (;;) {
        const nextDue = await this.#fill();
        if (this.#running.size > 0) this.#lastBusy = clock();
        if (this.#running.size === 0 && (this.#draining || (await this.#mayEnd()))) return;
        await watch.wait(this.#patience(nextDue), this.#wake.signal);
        this.#wake = new AbortController();
        await Promise.all([...this.#running].map((run) => run.recheck()));
      }
    } finally {
      this.#guard.close();
    }
  }

  /** Claims until every slot is taken or nothing is ready. @returns when time alone may make something ready */
  async #fill(): Promise<number | undefined> {
    const { role, worker, concurrency, policy, warn } = this.#options;
    while (!this.#draining && this.#running.size < concurrency) {
      try {
        const claimed = await this.#services.backend.claim({ role, worker, lease: policy.lease });
        if (!claimed.task) return claimed.next_due;
        this.#start(
          new AttemptRun(this.#services, claimed.task, { ...this.#options, guard: this.#guard }),
          claimed.task.lease.attempt,
        );
      } catch (error) {
        if (!(error instanceof AgentqError) || (error.code !== 'busy' && error.code !== 'storage')) throw error;
        warn(`${error.message}; trying again`);
        return this.#services.clock() + STORE_TROUBLE;
      }
    }
    return undefined;
  }

  #start(run: AttemptRun, attempt: number): void {
    this.#running.add(run);
    this.#options.onStart(run.id, attempt);
    const ended = (report?: AttemptReport) => {
      this.#running.delete(run);
      this.#lastBusy = this.#services.clock();
      if (report) this.#options.onEnd(report);
      this.#wake.abort();
    };
    run.done.then(ended, (error: Error) => {
      this.#options.warn(`${run.id}: ${error.message}; its lease will end by itself`);
      ended();
    });
  }

  #patience(nextDue: number | undefined): number {
    const { idleExit } = this.#options;
    const idleEnd = idleExit === undefined || this.#running.size > 0 ? Infinity : this.#lastBusy + idleExit;
    return patience(this.#services.clock(), nextDue, idleEnd);
  }

  async #mayEnd(): Promise<boolean> {
    const { untilEmpty, idleExit, role } = this.#options;
    if (idleExit !== undefined && this.#services.clock() >= this.#lastBusy + idleExit) return true;
    if (!untilEmpty) return false;
    const waiting = await this.#services.backend.list({
      role,
      statuses: ['queued', 'scheduled'],
      limit: 1_000,
    });
    return waiting.every((task) => task.status === 'scheduled' && task.why === 'delay');
  }
}
