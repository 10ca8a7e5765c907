import type { RabbitMq } from './private-rabbitmq.ts';

/** What one test does with an outage that it shares. */
export interface Participant {
  /** Resolves when the broker is killed: once every participant has asked for it. */
  readonly begin: () => Promise<void>;
  /** Resolves when the broker answers again: once every participant has asked for it. */
  readonly end: () => Promise<void>;
  /** To be called when the test is over: the others no longer wait for it. */
  readonly leave: () => void;
}

type Stage = 'before' | 'asks for the kill' | 'asks for the restart';

/**
 * One outage for several tests that run side by side. To start a broker costs four seconds of CPU time, whatever the
 * number of tests that need it.
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

  /** To be called before the test awaits anything: the first one that asks then waits for all. */
  join(): Participant {
    const one = Symbol();
    this.#stages.set(one, 'before');
    const reach = (stage: Stage) => {
      this.#stages.set(one, stage);
      this.#look();
    };
    return {
      begin: () => (reach('asks for the kill'), this.#down.promise),
      end: () => (reach('asks for the restart'), this.#up.promise),
      leave: () => {
        this.#stages.delete(one);
        this.#look();
      },
    };
  }

  #look(): void {
    const stages = [...this.#stages.values()];
    if (stages.length > 0 && !stages.includes('before')) {
      this.#killed ??= this.#broker().kill();
      this.#killed.then(this.#down.resolve, this.#down.reject);
    }
    // Also where every test has failed meanwhile: those that follow need the broker.
    if (this.#killed && stages.every((stage) => stage === 'asks for the restart')) {
      this.#restarted ??= this.#killed.then(() => this.#broker().restart());
      this.#restarted.then(this.#up.resolve, this.#up.reject);
    }
  }
}
