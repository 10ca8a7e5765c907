import { AgentqError, isAway } from '../../core/errors.ts';
import { prunePolicy } from '../workspace/config.ts';
import type { Services } from '../workspace/services.ts';
import { type PruneBit, pruneInBits } from './prune.ts';

/** The least time between two steps, and between two rounds, in ms. */
const STEP = 5_000;
const ROUND = 3_600_000;

/** The `retention` of the workspace: a worker prunes a few tasks at a time, between its own tasks. */
export class Retention {
  readonly #services: Services;
  #round: AsyncGenerator<PruneBit> | undefined;
  /** By the monotonic clock. */
  #next = 0;

  constructor(services: Services) {
    this.#services = services;
  }

  /**
   * Takes the next step if it is time for it. A queue or store that cannot be asked is tried again with the next round.
   * On a broker only coordinators may prune: other workers try once.
   * @param warn receives other errors
   */
  async step(warn: (line: string) => void): Promise<void> {
    const { workspace, backend, monotonic } = this.#services;
    const { olderThan, keepDead, remember } = prunePolicy(workspace.config);
    if (olderThan === undefined || monotonic() < this.#next) return;
    const limit = { before: backend.now - olderThan, keep_dead: keepDead };
    this.#round ??= pruneInBits(this.#services, { ...limit, remember, dryRun: false });
    try {
      const { done } = await this.#round.next();
      this.#next = monotonic() + (done ? ROUND : STEP);
      if (done) this.#round = undefined;
    } catch (error) {
      if (!(error instanceof AgentqError)) throw error;
      this.#round = undefined;
      this.#next = monotonic() + (isTransient(error) ? ROUND : Infinity);
      if (error.code !== 'denied' && !isAway(error)) warn(`retention: ${error.message}`);
    }
  }
}

function isTransient(error: AgentqError): boolean {
  return isAway(error) || error.code === 'busy' || error.code === 'storage';
}
