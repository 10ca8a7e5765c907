import type { Position } from '../../cache/cache.ts';
import type { LogEntry } from '../../wire/message/decode.ts';
import type { LogMessage } from '../../wire/message/log-message.ts';

/** What follows the content of the cache. */
export interface Following {
  /** The last message that the cache knows, when it is seen again. */
  readonly known?: LogEntry;
  readonly messages: readonly LogMessage[];
}

/**
 * Whether the messages of the log follow the content of the cache. For this, the last message that the cache knows is
 * read again. If it differs or is missing, the log is another one, or has lost the messages that come next.
 */
export class Continuity {
  readonly expected: Position;
  #after: number | undefined;

  constructor(expected: Position) {
    this.expected = expected;
    if (expected.last < 0) this.#after = -1;
  }

  /** Whether the log is known to be the one that was folded. */
  get verified(): boolean {
    return this.#after !== undefined;
  }

  /** The offset of the last message that was folded. Only if {@link verified}. */
  get after(): number {
    return this.#after!;
  }

  set after(offset: number) {
    this.#after = offset;
  }

  /** @returns undefined if the log is another one */
  follow(batch: readonly LogMessage[]): Following | undefined {
    if (this.verified) return { messages: batch };
    const { last, id } = this.expected;
    // A broker may begin slightly before the requested offset.
    const first = batch.findIndex(({ offset }) => offset >= last);
    if (first < 0) return { messages: [] };
    const { offset, read } = batch[first]!;
    const known = read(0);
    if (offset !== last || known.id !== id) return undefined;
    this.#after = offset;
    return { known, messages: batch.slice(first + 1) };
  }
}
