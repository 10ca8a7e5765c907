import { AgentqError } from '../../../core/errors.ts';
import type { LogEntry } from '../wire/decode.ts';
import type { LogMessage } from '../wire/log-message.ts';

/** Says of a `newer-schema` error which entry of the log it is about. */
export class StoppedAt extends AgentqError {
  readonly offset: number;

  constructor(offset: number, { key, user }: Pick<LogEntry, 'key' | 'user'>) {
    super(
      'newer-schema',
      `entry ${offset} of the log (${senderOf(key, user)}) says that a newer agentq wrote it`,
      `use that version; where there is none, a coordinator passes over it: agentq doctor --skip ${offset}`,
    );
    this.offset = offset;
  }
}

/** Who published a message, as far as the broker tells: by its routing key, and its user where it names one. */
export function senderOf(key: string, user: string | null | undefined): string {
  return `key ${key}${user ? `, user ${user}` : ''}`;
}

/**
 * An entry that stops the reading of the log, because a newer agentq says that it wrote it: until a coordinator says,
 * further on in the log, that every reader passes over it. What is skipped is found anew by whoever reads the log.
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

  /** The reading begins anew. */
  lift(): void {
    this.#stopped = undefined;
  }

  /** Those before the first that stops the reading. */
  before(messages: readonly LogMessage[]): readonly LogMessage[] {
    for (const [i, { offset, read }] of messages.entries()) {
      const entry = this.#skipped.has(offset) ? undefined : read(0);
      if (entry?.kind !== 'newer') continue;
      this.#stopped = new StoppedAt(offset, entry);
      return messages.slice(0, i);
    }
    return messages;
  }

  /** Whether this is the word that the entry is passed over. */
  isLiftedBy(entry: LogEntry): boolean {
    if (entry.kind !== 'skip' || entry.offset !== this.#stopped?.offset) return false;
    this.#skipped.add(entry.offset);
    return true;
  }
}
