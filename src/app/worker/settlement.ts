import { AgentqError, isBrokers } from '../../core/errors.ts';
import { EMPTY } from '../../core/task/messages.ts';
import { type Cost, costField } from '../../core/cost.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import type { Task, TaskIn } from '../../core/task/task.ts';
import { complete, completeLater, type CompleteRequest } from '../change/complete.ts';
import { fail } from '../change/fail.ts';
import { applyCommand } from '../change/apply-command.ts';
import { keepInOutbox, type OutboxCommand } from '../outbox/outbox.ts';
import type { Services } from '../workspace/services.ts';
import { type AttemptEnd, type ChildResult, type Complete, endAfterError, type Fail } from './attempt-end.ts';
import type { AttemptReport, Outcome } from './attempt-report.ts';
import { blame } from './blame.ts';
import { recordedOutcome } from './recorded-outcome.ts';
import type { RunOptions } from './run-options.ts';

/** The interval in ms at which a change is tried again if the store cannot be written. */
const PAUSE = 1_000;

/** What a failure and a late change add to the end of an attempt. */
export interface EndFacts {
  /** When the child ended, ms since 1970. The outcome counts from this time. */
  readonly at: number;
  /** The saved output of the child. */
  readonly log: readonly Evidence[];
  /** What the attempt has cost. */
  readonly cost: Cost | undefined;
}

/** What a release and the end of a cancelled attempt add. */
function ofFacts({ log, cost }: EndFacts): { readonly artifacts?: readonly Evidence[]; readonly cost?: Cost } {
  return { ...(log.length > 0 && { artifacts: log }), ...(cost && { cost }) };
}

/** Tells the queue the end of an attempt. It carries out what `attempt-end.ts` decides. */
export class Settlement {
  readonly #services: Services;
  readonly #task: TaskIn<'working'>;
  readonly #options: RunOptions;
  readonly #stopProcesses: () => Promise<boolean>;

  /** @param stopProcesses ends the remaining processes of the attempt; resolves to whether none is left */
  constructor(services: Services, task: TaskIn<'working'>, options: RunOptions, stopProcesses: () => Promise<boolean>) {
    this.#services = services;
    this.#task = task;
    this.#options = options;
    this.#stopProcesses = stopProcesses;
  }

  get caller(): { by: string; attempt: number } {
    return { by: this.#task.envelope.to, attempt: this.#task.lease.attempt };
  }

  /** @throws the error with which the worker must end; the task is then back in the queue, if that was possible */
  async record(first: AttemptEnd, facts: EndFacts): Promise<AttemptReport> {
    const { warn, ground } = this.#options;
    const { id, lease } = this.#task;
    let end = first;
    for (let tries = 0; ; tries++) {
      try {
        const outcome = await this.#tell(end, facts);
        if (end.fault) break;
        return { id, attempt: lease.attempt, ...outcome };
      } catch (error) {
        const { message } = error as Error;
        const next = endAfterError(end, error, await blame(error, ground), tries);
        if (!next && !end.fault) throw error;
        if (!next) {
          // The end of the lease has the same effect.
          warn(`${id}: it could not be returned to the queue: ${message}`);
          break;
        }
        if (next === end) {
          warn(`${id}: ${message}; trying again`);
          await new Promise((resolve) => setTimeout(resolve, PAUSE));
          continue;
        }
        end = next;
        tries = -1;
      }
    }
    throw end.fault;
  }

  /**
   * The outcome that the child has recorded itself, with a command on this machine; undefined if there is none or the
   * queue is not reachable. If it did so on another machine, the queue refuses what the worker says.
   */
  recorded(): Promise<Outcome | undefined> {
    const { backend } = this.#services;
    return this.#recordedIn((id) => backend.lastKnown(id));
  }

  async #recordedIn(ask: (id: string) => Promise<Task | undefined>): Promise<Outcome | undefined> {
    const { backend } = this.#services;
    if (backend.away) return undefined;
    const task = await ask(this.#task.id).catch((error: unknown) => {
      if (isBrokers(error)) return undefined;
      throw error;
    });
    return recordedOutcome(task, this.#task.lease.attempt);
  }

  async #tell(end: AttemptEnd, facts: EndFacts): Promise<Outcome> {
    const { caller } = this;
    const { id } = this.#task;
    switch (end.tell) {
      case 'complete':
      case 'fail':
        // This process may end before the broker is back.
        if (this.#services.backend.away) return await this.#keep(end, 'no connection to the broker', facts);
        return end.tell === 'fail' ? await this.#fail(end, facts) : await this.#complete(end, facts);
      case 'release': {
        const { reason, backoff } = end;
        const wait = backoff && { backoff: this.#options.policy.backoff };
        await applyCommand(this.#services, id, { type: 'release', reason, ...wait, ...ofFacts(facts), ...caller });
        return { outcome: backoff ? 'deferred' : 'handed-back', reason };
      }
      case 'acknowledge-cancel':
        return await this.#acknowledge(facts);
      case 'nothing':
        return await this.#bringRest(end.known, facts);
      case 'later':
        break;
    }
    return await this.#keep(end.change, end.why, facts);
  }

  async #complete({ result }: Complete, facts: EndFacts): Promise<Outcome> {
    const { task } = await complete(this.#services, this.#request(result, facts), this.#task);
    const isEmpty = task.status === 'completed' && task.completion.empty;
    return { outcome: 'completed', ...(isEmpty && { reason: EMPTY }) };
  }

  async #fail({ reason, retry }: Fail, { log, cost }: EndFacts): Promise<Outcome> {
    const request = { id: this.#task.id, ...this.caller, reason, artifacts: log, retry, cost, allowSecret: true };
    const { task } = await fail(this.#services, request);
    return { outcome: task.status === 'failed' ? 'failed' : 'retrying', reason };
  }

  #request(result: ChildResult, { log, cost }: EndFacts): CompleteRequest {
    const warn = (line: string) => this.#options.warn(`${this.#task.id}: ${line}`);
    return {
      id: this.#task.id,
      ...this.caller,
      ...result,
      artifacts: [],
      kept: log,
      cost,
      allowEmpty: true,
      allowSecret: true,
      warn,
    };
  }

  /** Reports that the processes of a cancelled attempt are gone, as soon as they are. */
  async #acknowledge(facts: EndFacts): Promise<Outcome> {
    if (!(await this.#stopProcesses())) return { outcome: 'cancelled', reason: 'a process that it started still runs' };
    const { attempt, worker } = this.#task.lease;
    try {
      await applyCommand(this.#services, this.#task.id, {
        type: 'acknowledge-cancel',
        by: worker,
        attempt,
        ...ofFacts(facts),
      });
    } catch (error) {
      if (!isBrokers(error)) throw error;
    }
    return { outcome: 'cancelled' };
  }

  /**
   * The attempt has ended for the queue. Its log and its cost are added, if the queue takes it.
   * @param known the outcome, if the child has ended the attempt itself
   */
  async #bringRest(known: Outcome | undefined, facts: EndFacts): Promise<Outcome> {
    const { backend } = this.#services;
    const { id, lease, envelope } = this.#task;
    const outcome = known ?? (await this.#recordedIn((one) => backend.task(one)));
    if ((facts.log.length === 0 && !facts.cost) || backend.away) return outcome ?? { outcome: 'lease-lost' };
    try {
      const { attempt } = lease;
      await applyCommand(this.#services, id, {
        type: 'acknowledge-cancel',
        by: envelope.to,
        attempt,
        ...ofFacts(facts),
      });
    } catch (error) {
      // The log stays where doctor and the next attempt find it.
      if (!(error instanceof AgentqError)) throw error;
    }
    return outcome ?? { outcome: 'lease-lost' };
  }

  /** Saves a change in the outbox. */
  async #keep(change: Complete | Fail | undefined, why: string, facts: EndFacts): Promise<Outcome> {
    if (change) keepInOutbox(this.#services, this.#task.id, await this.#command(change, facts), facts.at);
    return { outcome: 'kept', reason: why };
  }

  async #command(change: Complete | Fail, facts: EndFacts): Promise<OutboxCommand> {
    if (change.tell === 'complete')
      return await completeLater(this.#services, this.#task, this.#request(change.result, facts));
    const { reason, retry } = change;
    const { backoff } = this.#options.policy;
    return {
      type: 'fail',
      ...this.caller,
      reason,
      artifacts: facts.log,
      ...costField(facts),
      ...(retry && { backoff }),
    };
  }
}
