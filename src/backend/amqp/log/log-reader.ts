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

/** How many messages the broker sends ahead of acknowledgements. */
const AHEAD = 2_000;

/** How late a message is acknowledged at most, in ms: a broker closes the channel of one that waits for half an hour. */
const ACKNOWLEDGE_AFTER = 1_000;

/** How much may be read at once, in bytes: what is decompressed and parsed is kept until it is folded. */
const AT_ONCE = 64 * 1024 * 1024;

/** What the follower of a log is told: what came by, in order, after it was folded. */
export type OnEntry = (entry: LogEntry, folded: Folded) => void;

/**
 * Follows the log on one connection, from where the cache has come, and folds what comes by. Before anything new it
 * sees the last message that the cache knows once more: if that is another one, or gone, then the log is not the one
 * that was folded, or has lost what should come next; the cache is emptied, and everything is folded again.
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
  /** Rejects when there is no more to be read on this connection. */
  readonly failed = this.#failed.promise;
  /** Resolves when the broker has begun to send; rejects where it does not. */
  readonly attached: Promise<void>;
  #channel: Channel | undefined;
  #heardAt = monotonic();
  #batch: ConsumeMessage[] = [];
  readonly #undated = new Undated();
  /** What was folded since the last acknowledgement, and the last of it. */
  #unacknowledged = 0;
  #latest: ConsumeMessage | undefined;
  #soon: NodeJS.Timeout | undefined;
  /** The offset before the first of the batch; undefined until the last known message was seen. */
  #after: number | undefined;
  #distrusted = false;
  readonly #roadblock = new Roadblock();
  #expected: Position = { last: -1, id: '', at: 0, bytes: 0 };

  /** Begins to read. Whoever publishes meanwhile finds what it has published in the log. */
  constructor(connection: BrokerConnection, cache: Cache, names: Names, onEntry: OnEntry) {
    this.#connection = connection;
    this.#cache = cache;
    this.#names = names;
    this.#onEntry = onEntry;
    this.#failed.promise.catch(() => {});
    this.attached = this.attach();
    this.attached.catch((error: unknown) => this.#fail(error));
  }

  /** Begins where the cache has come to, whatever was read before. */
  async attach(): Promise<void> {
    this.#detach();
    // Before anybody publishes: what another process folds from then on is seen here as well.
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
      // Where it has begun anew meanwhile, this is the end of the old one.
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
    // The broker takes its time to find the place: what is needed to read is loaded meanwhile.
    await this.#connection.written();
    this.#reading ??= await import('../wire/log-message.ts');
    this.#digest(channel);
    await begun;
  }

  /** Resolves once the entry has come by and is folded. */
  appeared(id: string): Promise<Folded> {
    return new Promise((resolve, reject) => {
      if (this.#problem !== undefined) return reject(this.#problem);
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** How long nothing has come by, in ms. */
  get silence(): number {
    return monotonic() - this.#heardAt;
  }

  /** Whether the last message that the cache knows was seen again: it is the log that was folded. */
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
    // LavinMQ leaves Nagle's algorithm on: the confirm that follows a message waits 40 ms unless something goes back.
    const atOnce = this.#connection.product.name === 'LavinMQ';
    if (atOnce || this.#unacknowledged >= AHEAD / 4) this.#acknowledge(channel);
    else this.#soon ??= setTimeout(() => this.#acknowledge(channel), ACKNOWLEDGE_AFTER).unref();
  }

  /** The broker sends more as these are acknowledged; a connection that is gone does not matter here. */
  #acknowledge(channel: Channel): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#unacknowledged = 0;
    if (channel === this.#channel && this.#latest && !this.#connection.closed) channel.ack(this.#latest, true);
  }

  /**
   * LavinMQ, whose offsets begin at 1, counts one short for a consumer that came before there was any message (2.9.1):
   * one that begins to read now counts right.
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

  /** @returns whether it follows what the cache holds */
  #fold(batch: readonly LogMessage[]): boolean {
    let messages: readonly LogMessage[] = batch;
    if (this.#after === undefined) {
      const { last, id } = this.#expected;
      // A broker may begin a little before the offset that was asked for.
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

  /** @returns whether they follow what the cache holds */
  #foldReady(ready: readonly LogMessage[]): boolean {
    const folded = this.#cache.fold(ready, this.#after!);
    if (!folded) return false;
    this.#after = ready.at(-1)!.offset;
    for (const { entry, folded: effect } of folded) this.#tell(entry, effect);
    return true;
  }

  /**
   * Behind an entry that stops the reading nothing is folded: it is only looked for the word of a coordinator that the
   * entry is to be passed over. Whoever waits for something behind it is told what stops the reading.
   * @returns whether the word has come, so that the reading can go on
   */
  #lookAhead(messages: readonly LogMessage[]): boolean {
    for (const message of messages) {
      const entry = message.read(0);
      if (this.#roadblock.isLiftedBy(entry)) return true;
      if (this.#waiting.has(entry.id)) throw this.#roadblock.error();
    }
    return false;
  }

  /** Whoever waits for something that is kept back is told at once. */
  #hold(messages: readonly LogMessage[]): readonly LogMessage[] {
    const ready = this.#undated.pass(messages);
    for (const message of this.#undated.held) if (messages.includes(message)) this.#onEntry(message.read(0), undefined);
    return ready;
  }

  /** What comes after something that could not be folded must not be folded either. */
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

/** In order, as many together as may be read at once. */
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
