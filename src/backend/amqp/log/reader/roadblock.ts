import { AgentqError } from '../../../../core/errors.ts';
import type { LogEntry } from '../../wire/message/decode.ts';
import type { LogMessage } from '../../wire/message/log-message.ts';

/** A `newer-schema` error that names the entry of the log which caused it. */
export class StoppedAt extends AgentqError {
  readonly offset: number;

  constructor(offset: number, { key, user, reason }: LogEntry & { readonly kind: 'newer' }) {
    super(
      'newer-schema',
      `entry ${offset} of the log (${senderOf(key, user)}) ${reason}`,
      `use a newer agentq; where there is none, a coordinator passes over it: agentq doctor --skip ${offset}`,
    );
    this.offset = offset;
  }
}

/**
 * The publisher of a message, as far as the broker reports it: its routing key, and its user if the message names one.
 */
export function senderOf(key: string, user: string | null | undefined): string {
  return `key ${key}${user ? `, user ${user}` : ''}`;
}

/**
 * An entry that stops the reading of the log because it states that a newer agentq wrote it. It stops the reading until
 * a later entry of a coordinator makes every reader pass over it. Each reader of the log searches for that later entry
 * itself.
 */
export class Roadblock {
  readonly #skipped = new Set<number>();
  #stopped: StoppedAt | undefined;

  get isUp(): boolean {
    return this.#stopped !== undefined;
  }

  error(): StoppedAt {
    return this.#stopped!;
  }

  /** The reading begins again. */
  lift(): void {
    this.#stopped = undefined;
  }

  /** The messages before the first that stops the reading. */
  before(messages: readonly LogMessage[]): readonly LogMessage[] {
    for (const [i, { offset, read }] of messages.entries()) {
      const entry = this.#skipped.has(offset) ? undefined : read(0);
      if (entry?.kind !== 'newer') continue;
      this.#stopped = new StoppedAt(offset, entry);
      return messages.slice(0, i);
    }
    return messages;
  }

  /** Whether this entry states that the stopping entry is passed over. */
  isLiftedBy(entry: LogEntry): boolean {
    if (entry.kind !== 'skip' || entry.offset !== this.#stopped?.offset) return false;
    this.#skipped.add(entry.offset);
    return true;
  }
}
