import type { Channel, ConsumeMessage } from 'amqplib';
import { ConnectionLost } from '../connection/broker-error.ts';
import type { Cache, Folded, Position } from '../cache/cache.ts';
import type * as Reading from '../wire/log-message.ts';
import type { LogEntry } from '../wire/decode.ts';
import type { LogMessage } from '../wire/log-message.ts';
import type { Names } from '../wire/names.ts';
import { offsetOf } from '../wire/stream-offset.ts';
import { monotonic } from '../connection/monotonic.ts';
import { Roadblock } from './roadblock.ts';
import { closeQuietly, type BrokerConnection } from '../connection/broker-connection.ts';
import { Undated } from './undated.ts';

/** How many unacknowledged messages the broker sends. */
const AHEAD = 2_000;

/** The longest delay of an acknowledgement, in ms: a broker closes a channel that has waited half an hour for one. */
const ACKNOWLEDGE_AFTER = 1_000;

/** How much is read at once, in bytes: decompressed and parsed content stays in memory until it is folded. */
const AT_ONCE = 64 * 1024 * 1024;

/** Called for each entry, in order, after it was folded. */
export type OnEntry = (entry: LogEntry, folded: Folded) => void;

/**
 * Follows the log on one connection, from the position of the cache, and folds new entries. First it reads the last
 * message that the cache knows again. If this message differs or is missing, the log is another one, or has lost the
 * messages that come next. Then the cache is emptied, and the whole log is folded again.
 */
export class LogReader {
  readonly #cache: Cache;
  readonly #names: Names;
  readonly #onEntry: OnEntry;
  readonly #connection: BrokerConnection;
  #reading: typeof Reading | undefined;
  readonly #waiting = new Map<string, { resolve: (folded: Folded) => void; reject: (error: unknown) => void }>();
  #problem: unknown;
  readonly #failed = Promise.withResolvers<never>();
  /** Rejects when nothing more can be read on this connection. */
  readonly failed = this.#failed.promise;
  /** Resolves when the broker has begun to send; rejects if it does not. */
  readonly attached: Promise<void>;
  #channel: Channel | undefined;
  #heardAt = monotonic();
  #batch: ConsumeMessage[] = [];
  readonly #undated = new Undated();
  /** The number of messages that were folded since the last acknowledgement, and the last of them. */
  #unacknowledged = 0;
  #latest: ConsumeMessage | undefined;
  #soon: NodeJS.Timeout | undefined;
  /** The offset before the first message of the batch; undefined until the last known message was seen. */
  #after: number | undefined;
  #distrusted = false;
  readonly #roadblock = new Roadblock();
  #expected: Position = { last: -1, id: '', at: 0, bytes: 0 };

  /** Begins to read. Messages that are published from then on appear in the log. */
  constructor(connection: BrokerConnection, cache: Cache, names: Names, onEntry: OnEntry) {
    this.#connection = connection;
    this.#cache = cache;
    this.#names = names;
    this.#onEntry = onEntry;
    this.#failed.promise.catch(() => {});
    this.attached = this.attach();
    this.attached.catch((error: unknown) => this.#fail(error));
  }

  /** Begins at the position of the cache, even if other messages were read before. */
  async attach(): Promise<void> {
    this.#detach();
    // Before any message is published: entries that another process folds from now on are read here as well.
    const expected = this.#cache.position();
    const channel = await this.#connection.channel();
    this.#detach();
    this.#channel = channel;
    this.#expected = expected;
    this.#after = expected.last < 0 ? -1 : undefined;
    this.#latest = undefined;
    this.#batch = [];
    this.#undated.reset();
    this.#roadblock.lift();
    channel.on('error', (error: Error) => channel === this.#channel && this.#fail(error));
    try {
      await this.#begin(channel, expected.last < 0 ? 'first' : expected.last);
    } catch (error) {
      // If the reader has attached again meanwhile, the error is the end of the old channel.
      if (channel === this.#channel) throw error;
    }
  }

  #detach(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel && !this.#connection.closed) void closeQuietly(channel);
  }

  async #begin(channel: Channel, from: number | 'first'): Promise<void> {
    await channel.prefetch(AHEAD);
    const begun = channel.consume(this.#names.log, (message) => this.#take(channel, message), {
      arguments: { 'x-stream-offset': from },
    });
    begun.catch(() => {});
    // The broker needs time to find the position: load the modules for reading meanwhile.
    await this.#connection.written();
    this.#reading ??= await import('../wire/log-message.ts');
    this.#digest(channel);
    await begun;
  }

  /** Whether no caller waits for an entry. */
  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /** Ends the reading. A caller that would wait for an entry from now on gets ConnectionLost, and tries again. */
  stop(): void {
    this.#fail(new ConnectionLost('another process reads the log'));
  }

  /** Resolves once the entry has appeared and is folded. */
  appeared(id: string): Promise<Folded> {
    return new Promise((resolve, reject) => {
      if (this.#problem !== undefined) return reject(this.#problem);
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** The time since the last message, in ms. */
  get silence(): number {
    return monotonic() - this.#heardAt;
  }

  /** Whether the last message that the cache knows was seen again: the log is the one that was folded. */
  get verified(): boolean {
    return this.#after !== undefined;
  }

  #take(channel: Channel, message: ConsumeMessage | null): void {
    if (channel !== this.#channel) return;
    this.#heardAt = monotonic();
    if (!message) return this.#fail(new ConnectionLost('the broker ended the reading of the log'));
    if (this.#batch.length === 0 && this.#reading) setImmediate(() => this.#digest(channel));
    this.#batch.push(message);
  }

  #digest(channel: Channel): void {
    if (channel !== this.#channel || this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    try {
      const read = batch.map((message) => this.#toRead(message));
      if (this.#countsOneShort(read[0]!)) return this.#again();
      for (const part of partsOf(read)) {
        if (this.#roadblock.isUp ? this.#lookAhead(part) : !this.#fold(part)) return this.#again();
      }
    } catch (error) {
      return this.#fail(error);
    }
    this.#unacknowledged += batch.length;
    this.#latest = batch.at(-1)!;
    // LavinMQ leaves Nagle's algorithm on: the confirm that follows a message is delayed by 40 ms unless the client
    // sends something.
    const atOnce = this.#connection.product.name === 'LavinMQ';
    if (atOnce || this.#unacknowledged >= AHEAD / 4) this.#acknowledge(channel);
    else this.#soon ??= setTimeout(() => this.#acknowledge(channel), ACKNOWLEDGE_AFTER).unref();
  }

  /** The broker sends more after an acknowledgement. A lost connection can be ignored here. */
  #acknowledge(channel: Channel): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#unacknowledged = 0;
    if (channel === this.#channel && this.#latest && !this.#connection.closed) channel.ack(this.#latest, true);
  }

  /**
   * LavinMQ (2.9.1), whose offsets begin at 1, counts one too few for a consumer that attached before the first
   * message. A consumer that attaches now gets the right offsets.
   */
  #countsOneShort({ offset }: LogMessage): boolean {
    const short = offset === 0 && !this.#distrusted && this.#connection.product.name === 'LavinMQ';
    this.#distrusted ||= short;
    return short;
  }

  #toRead(message: ConsumeMessage): LogMessage {
    const offset = offsetOf(message);
    return this.#reading!.logMessageOf(message, offset, this.#names);
  }

  /** @returns whether the batch follows the content of the cache */
  #fold(batch: readonly LogMessage[]): boolean {
    let messages: readonly LogMessage[] = batch;
    if (this.#after === undefined) {
      const { last, id } = this.#expected;
      // A broker may begin slightly before the requested offset.
      const first = batch.find(({ offset }) => offset >= last);
      if (!first) return true;
      const entry = first.read(0);
      if (first.offset !== last || entry.id !== id) {
        this.#cache.clear(this.#expected);
        return false;
      }
      messages = batch.slice(batch.indexOf(first) + 1);
      this.#after = first.offset;
      this.#tell(entry, this.#cache.outcome(id));
    }
    const waiting = this.#hold(messages);
    const ready = this.#roadblock.before(waiting);
    if (ready.length > 0 && !this.#foldReady(ready)) return false;
    return !this.#roadblock.isUp || !this.#lookAhead(waiting.slice(ready.length));
  }

  /** @returns whether the messages follow the content of the cache */
  #foldReady(ready: readonly LogMessage[]): boolean {
    const folded = this.#cache.fold(ready, this.#after!);
    if (!folded) return false;
    this.#after = ready.at(-1)!.offset;
    for (const { entry, folded: effect } of folded) this.#tell(entry, effect);
    return true;
  }

  /**
   * Nothing is folded after an entry that stops the reading. The messages after it are only searched for a
   * coordinator's entry which says that every reader passes over it. Callers that wait for a later entry get the error.
   * @returns whether this entry was found, so that the reading can continue
   */
  #lookAhead(messages: readonly LogMessage[]): boolean {
    for (const message of messages) {
      const entry = message.read(0);
      if (this.#roadblock.isLiftedBy(entry)) return true;
      if (this.#waiting.has(entry.id)) throw this.#roadblock.error();
    }
    return false;
  }

  /** Notifies callers at once that wait for an entry which is held back. */
  #hold(messages: readonly LogMessage[]): readonly LogMessage[] {
    const ready = this.#undated.pass(messages);
    for (const message of this.#undated.held) if (messages.includes(message)) this.#onEntry(message.read(0), undefined);
    return ready;
  }

  /** Messages after one that could not be folded must not be folded either. */
  #fail(error: unknown): void {
    this.#detach();
    this.#batch = [];
    this.#problem = error;
    this.#failed.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #tell(entry: LogEntry, folded: Folded): void {
    this.#onEntry(entry, folded);
    this.#waiting.get(entry.id)?.resolve(folded);
    this.#waiting.delete(entry.id);
  }

  #again(): void {
    this.attach().catch((error: unknown) => this.#fail(error));
  }
}

/** In order, in parts that may be read at once. */
function partsOf(messages: readonly LogMessage[]): readonly (readonly LogMessage[])[] {
  const parts: LogMessage[][] = [];
  let sum = Infinity;
  for (const message of messages) {
    sum += message.cost;
    if (sum > AT_ONCE) {
      parts.push([]);
      sum = message.cost;
    }
    parts.at(-1)!.push(message);
  }
  return parts;
}
