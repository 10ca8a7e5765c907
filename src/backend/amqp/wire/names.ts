import type { Priority } from '../../../core/envelope/priority.ts';
import { priorities } from '../../../core/envelope/priority.ts';

/** What names begin with that a workspace does not say otherwise: several queues can share one virtual host. */
export const DEFAULT_PREFIX = 'agentq';

/** How many levels of delay there are: level k holds a message for 2^k seconds. The highest fits a broker's TTL. */
export const DELAY_LEVELS = 23;

/** The longest delay that the broker keeps, in seconds: 97 days. */
export const LONGEST_DELAY = 2 ** DELAY_LEVELS - 1;

/** The queue that whoever looks at another one holds meanwhile. */
export const lockOf = (queue: string): string => `${queue}.lock`;

/** How the exchanges and queues of one queue are called on the broker. */
export class Names {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Takes everything that is published: the log and the queues are bound to it. */
  get exchange(): string {
    return this.prefix;
  }

  /** Puts tokens into work queues past the log. */
  get tokens(): string {
    return `${this.prefix}.tokens`;
  }

  /** Takes what comes out of the delay levels. */
  get due(): string {
    return `${this.prefix}.due`;
  }

  /** Exchange and queue of a level are called alike. */
  delay(level: number): string {
    return `${this.prefix}.delay.${String(level).padStart(2, '0')}`;
  }

  /** Where a delay begins. */
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
   * The queues that hold a role's tokens, in the order in which claims look into them. A replicated (quorum) queue
   * has no priorities that hold on every version, so there is one a priority.
   */
  workQueues(role: string, replicated: boolean): readonly { queue: string; priority: Priority | '*' }[] {
    if (!replicated) return [{ queue: this.work(role), priority: '*' }];
    return priorities.toReversed().map((priority) => ({
      queue: priority === 'normal' ? this.work(role) : `${this.work(role)}.${priority}`,
      priority,
    }));
  }

  /** A `reply_to` names its queue itself, but where another prefix asks for room. */
  results(replyTo: string): string {
    return this.prefix === DEFAULT_PREFIX ? replyTo : `${this.prefix}.${replyTo}`;
  }
}
