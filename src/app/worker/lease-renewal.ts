import { type AgentqError, isAway } from '../../core/errors.ts';
import type { Cost } from '../../core/cost.ts';
import type { Caller } from '../../core/task/decision/command.ts';
import type { Task } from '../../core/task/task.ts';
import { applyCommand } from '../change/apply-command.ts';
import type { Services } from '../workspace/services.ts';
import type { CostFile } from './child/cost-file.ts';

/** The longest duration of a Node.js timer, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** How often the file with the cost is looked at, in ms. */
const LOOK = 5_000;

interface Renewed {
  readonly caller: Caller;
  readonly id: string;
  /** The length of the lease, in ms. */
  readonly lease: number;
  readonly costs: CostFile;
  readonly warn: (line: string) => void;
  /** Receives the task after each renewal. */
  readonly onRenewed: (task: Task) => void;
  /** Called if a renewal was refused: the attempt may have lost its lease. */
  readonly onRefused: () => Promise<void>;
}

/** Renews the lease of an attempt after each third of its length, and reports its cost when that has changed. */
export class LeaseRenewal {
  readonly #services: Services;
  readonly #of: Renewed;
  readonly #timers: readonly NodeJS.Timeout[];
  #reported: Cost | undefined;

  constructor(services: Services, of: Renewed) {
    this.#services = services;
    this.#of = of;
    this.#timers = [
      setInterval(() => void this.#renew(), Math.min(of.lease / 3, LONGEST_TIMER)),
      setInterval(() => {
        if (of.costs.read()) void this.#renew();
      }, LOOK),
    ];
  }

  stop(): void {
    this.#timers.forEach(clearInterval);
  }

  async #renew(): Promise<void> {
    const { id, lease, caller, costs, warn, onRenewed, onRefused } = this.#of;
    costs.read();
    const { cost } = costs;
    const isNew = cost !== this.#reported;
    try {
      const { task } = await applyCommand(this.#services, id, {
        type: 'renew',
        lease,
        ...(isNew && { cost }),
        ...caller,
      });
      this.#reported = cost;
      onRenewed(task);
    } catch (error) {
      const { code, message } = error as AgentqError;
      if (code === 'cancelled' || code === 'conflict') return await onRefused();
      if (!isAway(error)) warn(`${id}: its lease could not be renewed: ${message}`);
    }
  }
}
