import type { RabbitMq } from './private-rabbitmq.ts';

/** The view of one test on a shared outage. */
export interface Participant {
  /** Resolves when the broker is killed, which happens when every participant has called `begin`. */
  readonly begin: () => Promise<void>;
  /** Resolves when the broker answers again, after every participant has called `end`. */
  readonly end: () => Promise<void>;
  /** Call it at the end of the test, so that the others no longer wait for it. */
  readonly leave: () => void;
}

type Stage = 'before' | 'asks for the kill' | 'asks for the restart';

/**
 * One outage for several concurrent tests. A start of a broker costs four seconds of CPU time, so the tests share it.
 */
export class JointOutage {
  readonly #broker: () => RabbitMq;
  readonly #stages = new Map<symbol, Stage>();
  readonly #down = Promise.withResolvers<void>();
  readonly #up = Promise.withResolvers<void>();
  #killed: Promise<void> | undefined;
  #restarted: Promise<void> | undefined;

  constructor(broker: () => RabbitMq) {
    this.#broker = broker;
    for (const { promise } of [this.#down, this.#up]) promise.catch(() => undefined);
  }

  /** Call it before the test awaits anything, so that the first `begin` waits for all participants. */
  join(): Participant {
    const one = Symbol();
    this.#stages.set(one, 'before');
    const reach = (stage: Stage) => {
      this.#stages.set(one, stage);
      this.#check();
    };
    return {
      begin: () => (reach('asks for the kill'), this.#down.promise),
      end: () => (reach('asks for the restart'), this.#up.promise),
      leave: () => {
        this.#stages.delete(one);
        this.#check();
      },
    };
  }

  #check(): void {
    const stages = [...this.#stages.values()];
    if (stages.length > 0 && !stages.includes('before')) {
      this.#killed ??= this.#broker().kill();
      this.#killed.then(this.#down.resolve, this.#down.reject);
    }
    // Also if all tests have failed: the tests after them need the broker.
    if (this.#killed && stages.every((stage) => stage === 'asks for the restart')) {
      this.#restarted ??= this.#killed.then(() => this.#broker().restart());
      this.#restarted.then(this.#up.resolve, this.#up.reject);
    }
  }
}
