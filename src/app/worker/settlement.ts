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

/** How often, and at which interval in ms, a change is tried again if the store cannot be written. */
const PATIENCE = 30;
const PAUSE = 1_000;

/** The evidence of a child. */
export type HandedIn = Pick<CompleteRequest, 'resultFile' | 'summary'>;

/** Records the end of an attempt in the queue and returns its outcome. */
export class Settlement {
  readonly #services: Services;
  readonly #task: TaskIn<'working'>;
  readonly #options: RunOptions;
  readonly #stopProcesses: () => Promise<boolean>;
  /** When the child ended, ms since 1970. The outcome counts from this time. */
  endedAt: number | undefined;

  /** @param stopProcesses ends the remaining processes of the attempt; resolves to whether none is left */
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

  /** Returns the task to the queue. @param later whether the task must wait, as the child requested */
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

  /** Reports that the processes of a cancelled attempt are gone, as soon as they are. */
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

  /** The outcome of an attempt that no longer holds its task: either the child ended it, or the lease was lost. */
  async surrender(): Promise<AttemptReport> {
    return (await this.ended()) ?? this.report('lease-lost');
  }

  /**
   * Ends the attempt in the queue. If the store cannot be written, it tries again, because the work is already done. If
   * the attempt no longer holds the task, it returns the outcome of the task. During an outage the change is saved in
   * the outbox; if the outage is already known, at once, because this process may end before the broker is back.
   * @param later the change for the outbox; undefined if the end of the lease has the same effect
   */
  async #settle(
    later: (() => Promise<OutboxCommand>) | undefined,
    end: () => Promise<AttemptReport>,
  ): Promise<AttemptReport> {
    const { backend, clock } = this.#services;
    const at = this.endedAt ?? clock();
    const keep = async (why: string) => {
      if (later) keepInOutbox(this.#services, this.#id, await later(), at);
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

  /** The outcome of the attempt according to the queue; undefined if it has not ended or the queue is not reachable. */
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
