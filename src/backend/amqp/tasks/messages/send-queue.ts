import { AgentqError } from '../../../../core/errors.ts';

/** The maximum number of unconfirmed jobs before the next one waits. */
const MOST_UNCONFIRMED = 100;

/** Messages to send after a change has happened. */
export interface SendJob {
  /** What the messages are about. */
  readonly name: string;
  /** The queue that they go to, if it may have to be declared. */
  readonly queue?: string;
  /** Resolves when the broker has confirmed them. */
  readonly send: () => Promise<void>;
}

/**
 * Sends in the background, in order. A job begins when the one before it is confirmed, or earlier: if the queue of the
 * job is known to exist, the next job does not wait for it, since many tasks may end at once, and a broker may be slow
 * to confirm. The change has already happened, so a failure is reported to the user and stops nothing.
 */
export class SendQueue {
  readonly #say: (line: string) => void;
  readonly #jobs: SendJob[] = [];
  #isRunning = false;
  #underway: Promise<void> = Promise.resolve();
  readonly #unconfirmed = new Set<Promise<void>>();
  /** The queues that a job has reached. */
  readonly #existing = new Set<string>();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  add(job: SendJob): void {
    this.#jobs.push(job);
    if (!this.#isRunning) this.#underway = this.#run();
  }

  /** Whether such a job waits and has not begun. */
  holds(send: SendJob['send']): boolean {
    return this.#jobs.some((job) => job.send === send);
  }

  /** Resolves when no job is left. */
  async settled(): Promise<void> {
    await this.#underway;
    await Promise.all(this.#unconfirmed);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let job = this.#jobs.shift(); job; job = this.#jobs.shift()) {
      const { name, queue } = job;
      const sending = this.sendNow(job).catch((error: unknown) =>
        this.#say(`${name}: its messages could not be sent: ${String(error)}`),
      );
      if (queue !== undefined && this.#existing.has(queue) && this.#unconfirmed.size < MOST_UNCONFIRMED) {
        this.#unconfirmed.add(sending);
        void sending.finally(() => this.#unconfirmed.delete(sending));
        continue;
      }
      await sending;
      if (queue !== undefined) this.#existing.add(queue);
    }
    this.#isRunning = false;
  }

  /** Sends at once, for a caller that waits. @throws errors that are not an AgentqError */
  async sendNow({ name, send }: SendJob): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!(error instanceof AgentqError)) throw error;
      this.#say(`${name}: the change took effect, and its messages follow later: ${error.message}`);
    }
  }
}
