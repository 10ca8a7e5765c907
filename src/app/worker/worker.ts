import type { Claimed, ClaimRequest, Watch } from '../../backend/backend.ts';
import { usedUpFor } from '../../core/budget/used-up.ts';
import { AgentqError, isAway, isBrokers } from '../../core/errors.ts';
import { everyTask } from '../every-task.ts';
import { Retention } from '../prune/retention.ts';
import { readBooks } from '../budget/books.ts';
import { flushOutbox } from '../outbox/flush-outbox.ts';
import { patience, type Services } from '../workspace/services.ts';
import type { AttemptReport } from './attempt-report.ts';
import { AttemptRun } from './attempt-run.ts';
import { worded } from './blame.ts';
import { Ground } from './ground.ts';
import { Guard } from './processes/guard.ts';
import type { RunOptions } from './run-options.ts';

export interface WorkerOptions extends Omit<RunOptions, 'guard' | 'ground'> {
  readonly role: string;
  readonly worker: string;
  readonly concurrency: number;
  /** Ends when no task of the role is ready, being retried, or running here. */
  readonly untilEmpty: boolean;
  /** Ends after it has had no task for this time, in ms. */
  readonly idleExit?: number | undefined;
  /** Called when it has had no task for one second after its last task. */
  readonly onIdle: () => void;
  readonly onStart: (id: string, attempt: number) => void;
  readonly onEnd: (report: AttemptReport) => void;
}

/** The time without a task after which it counts as idle, in ms. */
const REST = 1_000;

/** The wait before the next try after a store could not answer, in ms. */
const STORE_TROUBLE = 1_000;

/** Claims the tasks of a role and runs a child for each, up to `concurrency` at the same time. */
export class Worker {
  readonly #services: Services;
  readonly #options: WorkerOptions;
  readonly #guard: Guard;
  readonly #ground: Ground;
  readonly #retention: Retention;
  readonly #running = new Set<AttemptRun>();
  /** Why ready tasks are not begun, as it was last told. */
  #held: string | undefined;
  #draining = false;
  #worked = false;
  #fault: Error | undefined;
  #queue: 'unknown' | 'there' | 'missing' = 'unknown';
  #wake = new AbortController();
  /** By the monotonic clock. */
  #lastBusy: number;

  constructor(services: Services, options: WorkerOptions) {
    this.#services = services;
    this.#options = options;
    this.#guard = new Guard(options.env);
    this.#ground = new Ground(services);
    this.#retention = new Retention(services);
    this.#lastBusy = services.monotonic();
  }

  /** Claims no new tasks; running ones finish. */
  drain(): void {
    this.#draining = true;
    this.#wake.abort();
  }

  /** Stops the running children and returns their tasks to the queue. */
  handBack(): void {
    this.drain();
    for (const run of this.#running) run.stop('handed-back');
  }

  /**
   * Resolves when it has drained, or when it has no task and was configured to end then.
   * @throws AgentqError `storage` if it cannot work at all; its tasks are back in the queue
   */
  async run(): Promise<void> {
    const { backend, monotonic } = this.#services;
    let watch: Watch | undefined;
    let recheckedAt = monotonic();
    try {
      for (;;) {
        const nextDue = await this.#patiently(() => this.#fill());
        await this.#retention.step(this.#options.warn);
        if (this.#running.size > 0) this.#lastBusy = monotonic();
        if (this.#running.size === 0 && this.#fault) throw this.#fault;
        const idle = this.#running.size === 0;
        if (idle && (this.#draining || (await this.#patiently(() => this.#mayEnd())) === true)) return;
        if (!watch) {
          // A task may have become ready before the watch began.
          watch = backend.watch({ role: this.#options.role });
          continue;
        }
        const resting = idle && this.#worked;
        const rung = await watch.wait(Math.min(this.#patience(nextDue), resting ? REST : Infinity), this.#wake.signal);
        if (resting && !rung && !this.#wake.signal.aborted) {
          this.#worked = false;
          this.#options.onIdle();
        }
        // The end of one attempt alone says nothing about the others.
        const isDue = rung || !this.#wake.signal.aborted || monotonic() >= recheckedAt + REST;
        this.#wake = new AbortController();
        if (!isDue) continue;
        recheckedAt = monotonic();
        await Promise.all([...this.#running].map((run) => run.recheck(rung)));
      }
    } finally {
      watch?.[Symbol.dispose]();
      this.#guard.close();
    }
  }

  /** Claims until every slot is in use or no task is ready. @returns the next time at which a task may become ready */
  async #fill(): Promise<number | undefined> {
    const { role, worker, concurrency, policy, warn } = this.#options;
    await flushOutbox(this.#services, warn);
    const isNamed = Object.hasOwn(this.#services.workspace.config.roles ?? {}, role);
    while (!this.#draining && this.#running.size < concurrency) {
      const fault = await this.#ground.fault();
      if (fault) {
        this.#fault ??= fault;
        this.#draining = true;
        break;
      }
      const claimed = await this.#claim({
        role,
        worker,
        lease: policy.lease,
        stays: !this.#options.untilEmpty || isNamed,
      });
      this.#tellHeld(claimed.task ? undefined : claimed.held);
      if (!claimed.task) return claimed.next_due;
      const run = new AttemptRun(this.#services, claimed.task, {
        ...this.#options,
        guard: this.#guard,
        ground: this.#ground,
      });
      this.#start(run, claimed.task.lease.attempt);
    }
    return undefined;
  }

  /** Says once why ready tasks are not begun. */
  #tellHeld(held: string | undefined): void {
    if (held !== undefined && held !== this.#held) this.#options.warn(`no task can begin: ${held}`);
    this.#held = held;
  }

  /** Waits for a queue that existed and was deleted. A queue that never existed is an error. */
  async #claim(request: ClaimRequest): Promise<Claimed> {
    try {
      const claimed = await this.#services.backend.claim(request);
      if (this.#queue === 'missing') this.#options.warn(`the queue of ${request.role} exists again`);
      this.#queue = 'there';
      return claimed;
    } catch (error) {
      const deleted = this.#queue !== 'unknown' && error instanceof AgentqError && error.code === 'topology';
      if (!deleted) throw error;
      if (this.#queue === 'there') this.#options.warn(`${error.message}: waiting for it (${error.hint ?? ''})`);
      this.#queue = 'missing';
      return { task: undefined, next_due: this.#services.backend.now + STORE_TROUBLE };
    }
  }

  /** Asks a busy or unreachable store again later, so that running children are not affected. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T | number> {
    try {
      return await ask();
    } catch (error) {
      const refused = isBrokers(error) && !isAway(error);
      if (!(error instanceof AgentqError)) throw worded(error as Error);
      if (error.code !== 'busy' && !isAway(error) && !refused) throw error;
      if (refused && this.#running.size === 0) throw error;
      // A later try would be refused too, so no new task is started.
      if (refused) this.#fault ??= error;
      this.#draining ||= refused;
      // The outage was already reported.
      if (!isAway(error))
        this.#options.warn(`${error.message}; ${refused ? 'ending after the running tasks' : 'trying again'}`);
      return this.#services.backend.now + STORE_TROUBLE;
    }
  }

  #start(run: AttemptRun, attempt: number): void {
    this.#running.add(run);
    this.#worked = true;
    this.#options.onStart(run.id, attempt);
    const ended = (report?: AttemptReport) => {
      this.#running.delete(run);
      this.#lastBusy = this.#services.monotonic();
      if (report) this.#options.onEnd(report);
      this.#wake.abort();
    };
    run.done.then(ended, (error: Error) => {
      // The cause would also prevent the next attempt.
      this.#fault ??= worded(error);
      this.#draining = true;
      ended();
    });
  }

  #patience(nextDue: number | undefined): number {
    const { idleExit } = this.#options;
    const idleEnd = idleExit === undefined || this.#running.size > 0 ? Infinity : this.#lastBusy + idleExit;
    return patience(this.#services, nextDue, idleEnd);
  }

  /** A task that waits for a budget is not ready. */
  async #mayEnd(): Promise<boolean> {
    const { untilEmpty, idleExit, role } = this.#options;
    if (idleExit !== undefined && this.#services.monotonic() >= this.#lastBusy + idleExit) return true;
    if (!untilEmpty) return false;
    const { backend } = this.#services;
    const books = await readBooks(this.#services);
    for await (const task of everyTask(backend, { role, statuses: ['queued', 'scheduled'] })) {
      if (usedUpFor(books, task, backend.now)) continue;
      if (task.status === 'queued' || (task.status === 'scheduled' && task.why === 'backoff')) return false;
    }
    return true;
  }
}
