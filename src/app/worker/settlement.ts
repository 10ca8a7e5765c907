import { AgentqError, isBrokers } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import type { Attempt, Task, TaskIn } from '../../core/task/task.ts';
import { complete, completeLater, type CompleteRequest } from '../complete.ts';
import { fail } from '../fail.ts';
import { applyCommand } from '../apply-command.ts';
import { keepInOutbox, type OutboxCommand } from '../outbox/outbox.ts';
import type { Services } from '../workspace/services.ts';
import type { AttemptReport } from './attempt-report.ts';
import { blame } from './blame.ts';
import type { RunOptions } from './run-options.ts';

/** How often, and at which interval in ms, a store is asked again that can't be written just now. */
const PATIENCE = 30;
const PAUSE = 1_000;

/** What a child hands in. */
export type HandedIn = Pick<CompleteRequest, 'resultFile' | 'summary'>;

/** Tells the queue how an attempt ended, and says what became of it. */
export class Settlement {
  readonly #services: Services;
  readonly #task: TaskIn<'working'>;
  readonly #options: RunOptions;
  readonly #stopProcesses: () => Promise<boolean>;
  /** When the child ended, ms since 1970: what is said of it then counts from then. */
  endedAt: number | undefined;

  /** @param stopProcesses ends what is left of the attempt's processes; resolves to whether nothing is left */
  constructor(services: Services, task: TaskIn<'working'>, options: RunOptions, stopProcesses: () => Promise<boolean>) {
    this.#services = services;
    this.#task = task;
    this.#options = options;
    this.#stopProcesses = stopProcesses;
  }

  get #id(): string {
    return this.#task.id;
  }

  get spoken(): { by: string; attempt: number } {
    return { by: this.#task.envelope.to, attempt: this.#task.lease.attempt };
  }

  async complete(handedIn: HandedIn): Promise<AttemptReport> {
    const warn = (line: string) => this.#options.warn(`${this.#id}: ${line}`);
    const request = { id: this.#id, ...this.spoken, ...handedIn, artifacts: [], allowSecret: true, warn };
    const later = () => completeLater(this.#services, this.#task, request);
    return await this.#settle(later, async () => {
      await complete(this.#services, request);
      return this.report('completed');
    });
  }

  async fail(reason: string, retry: boolean, artifacts: readonly Evidence[]): Promise<AttemptReport> {
    const said = { ...this.spoken, reason, artifacts };
    const { backoff } = this.#options.policy;
    const later = async () => ({ type: 'fail', ...said, ...(retry && { backoff }) }) as const;
    return await this.#settle(later, async () => {
      const { task } = await fail(this.#services, { id: this.#id, ...said, retry, allowSecret: true });
      return this.report(task.status === 'failed' ? 'failed' : 'retrying', reason);
    });
  }

  /** Gives the task back. @param later whether it is to wait, as the child asked for */
  async release(reason: string, later: boolean): Promise<AttemptReport> {
    const { backoff } = this.#options.policy;
    return await this.#settle(undefined, async () => {
      await applyCommand(this.#services, this.#id, {
        type: 'release',
        reason,
        ...(later && { backoff }),
        ...this.spoken,
      });
      return this.report(later ? 'deferred' : 'handed-back', reason);
    });
  }

  /** Says that the processes of a cancelled attempt are gone, once they are. */
  async acknowledge(): Promise<AttemptReport> {
    if (!(await this.#stopProcesses())) return this.report('cancelled', 'a process that it started is still there');
    const { attempt, worker } = this.#task.lease;
    try {
      await applyCommand(this.#services, this.#id, { type: 'acknowledge-cancel', by: worker, attempt });
    } catch (error) {
      if (!isBrokers(error)) throw error;
    }
    return this.report('cancelled');
  }

  /** What became of an attempt that no longer holds its task: what its child did itself, or that its lease was lost. */
  async surrender(): Promise<AttemptReport> {
    return (await this.ended()) ?? this.report('lease-lost');
  }

  /**
   * Ends the attempt in the queue. A store that can't be written just now is tried again: the work is done and
   * paid for. Where the task is no longer ours, says what it has become. Where the broker is away, it is kept on the
   * disk until it is back, and at once where that is known: this process may not live so long.
   * @param later what the queue is to be told then; undefined where the end of the lease tells as much
   */
  async #settle(
    later: (() => Promise<OutboxCommand>) | undefined,
    end: () => Promise<AttemptReport>,
  ): Promise<AttemptReport> {
    const { backend, clock } = this.#services;
    const at = this.endedAt ?? clock();
    const keep = async (why: string) => {
      if (later) keepInOutbox(this.#services.workspace, this.#id, await later(), at);
      return this.report('kept', why);
    };
    if (later && backend.away) return await keep('the broker is away');
    for (let patience = PATIENCE; ; patience--) {
      try {
        return await end();
      } catch (error) {
        if (!(error instanceof AgentqError)) throw error;
        if (isBrokers(error)) return await keep(error.message);
        if (error.code === 'cancelled') return await this.acknowledge();
        if (error.code === 'conflict') return await this.surrender();
        const passing = error.code === 'busy' || error.code === 'storage';
        if (!passing || patience === 0 || blame(error, this.#options.ground).on === 'attempt') throw error;
        this.#options.warn(`${this.#id}: ${error.message}; trying again`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  }

  /** What the queue says about how the attempt ended; undefined where it has not ended, or the queue can't be asked. */
  async ended(): Promise<AttemptReport | undefined> {
    if (this.#services.backend.away) return undefined;
    const task = await this.#services.backend.task(this.#id).catch((error: unknown) => {
      if (isBrokers(error)) return undefined;
      throw error;
    });
    const own = this.ownIn(task);
    switch (own?.outcome) {
      case 'completed':
        return this.report('completed');
      case 'failed':
        return this.report(task?.status === 'failed' ? 'failed' : 'retrying', own.reason);
      case 'released':
      case 'deferred':
        return this.report('handed-back', own.reason);
      default:
        return undefined;
    }
  }

  /** This attempt, as the queue knows it. */
  ownIn(task: Task | undefined): Attempt | undefined {
    return task?.attempts.find((attempt) => attempt.number === this.#task.lease.attempt);
  }

  report(outcome: AttemptReport['outcome'], reason?: string): AttemptReport {
    return { id: this.#id, attempt: this.#task.lease.attempt, outcome, reason };
  }
}
