import type { Priority } from '../../../core/envelope/priority.ts';
import { priorities } from '../../../core/envelope/priority.ts';

/** The default prefix of names, unless the workspace sets another: several queues can share one virtual host. */
export const DEFAULT_PREFIX = 'agentq';

/** The number of delay levels: level k holds a message for 2^k seconds. The highest fits a broker's TTL. */
export const DELAY_LEVELS = 23;

/** The longest delay that the broker keeps, in seconds: 97 days. */
export const LONGEST_DELAY = 2 ** DELAY_LEVELS - 1;

/** The queue that a process holds as a lock while it looks at another queue. */
export const lockOf = (queue: string): string => `${queue}.lock`;

/** The names of the exchanges and queues of one queue on the broker. */
export class Names {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Receives every published message: the log and the queues are bound to it. */
  get exchange(): string {
    return this.prefix;
  }

  /** Puts tokens into work queues without the log. */
  get tokens(): string {
    return `${this.prefix}.tokens`;
  }

  /** Receives the messages that leave the delay levels. */
  get due(): string {
    return `${this.prefix}.due`;
  }

  /** The exchange and the queue of a level have the same name. */
  delay(level: number): string {
    return `${this.prefix}.delay.${String(level).padStart(2, '0')}`;
  }

  /** The exchange where a delay begins. */
  get delays(): string {
    return this.delay(DELAY_LEVELS - 1);
  }

  get log(): string {
    return `${this.prefix}.log`;
  }

  get deadLetters(): string {
    return `${this.prefix}.dlq`;
  }

  work(role: string): string {
    return `${this.prefix}.work.${role}`;
  }

  /**
   * The queues that hold a role's tokens, in the order in which claims read them. The priorities of a replicated
   * (quorum) queue are not reliable on every version, so there is one queue per priority.
   */
  workQueues(role: string, replicated: boolean): readonly { queue: string; priority: Priority | '*' }[] {
    if (!replicated) return [{ queue: this.work(role), priority: '*' }];
    return priorities.toReversed().map((priority) => ({
      queue: priority === 'normal' ? this.work(role) : `${this.work(role)}.${priority}`,
      priority,
    }));
  }

  /** A `reply_to` is the name of its queue, unless another prefix requires a different one. */
  results(replyTo: string): string {
    return this.prefix === DEFAULT_PREFIX ? replyTo : `${this.prefix}.${replyTo}`;
  }
}
