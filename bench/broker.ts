import { randomBytes } from 'node:crypto';
import { type RabbitMq, startRabbitMq } from '../test/broker/private-rabbitmq.ts';

/** The one broker of a run: a private RabbitMQ, or the one that AGENTQ_TEST_AMQP_URL names. */
export class BenchBroker implements AsyncDisposable {
  readonly #run = randomBytes(3).toString('hex');
  #named = process.env['AGENTQ_TEST_AMQP_URL'] || undefined;
  #own: RabbitMq | undefined;
  #queues = 0;

  /** Starts the broker at the first call. */
  async url(): Promise<string> {
    if (this.#named === undefined) {
      this.#own = await startRabbitMq();
      this.#named = this.#own.url;
    }
    return this.#named;
  }

  /** A name that is unique on the broker, also among other runs. */
  name(): string {
    return `bench-${this.#run}-${++this.#queues}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own?.stop();
  }
}
