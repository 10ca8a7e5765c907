import type { ConsumeMessage } from 'amqplib';
import { AbsentStates } from '../../../projection/rows.ts';
import type { BrokerConnection } from '../../connection/broker-connection.ts';
import { ConnectionLost } from '../../connection/broker-error.ts';
import type { Forms } from '../../../../core/log/kind.ts';
import type { Cache, Folded } from '../../cache/cache.ts';
import type * as Reading from '../../wire/message/log-message.ts';
import type { LogEntry } from '../../wire/message/decode.ts';
import type { LogMessage } from '../../wire/message/log-message.ts';
import type { Names } from '../../wire/names.ts';
import { offsetOf } from '../../wire/stream-offset.ts';
import { Continuity } from './continuity.ts';
import { OffsetCorrection } from './offset-correction.ts';
import { Roadblock } from './roadblock.ts';
import type { SnapshotSource } from './snapshot-source.ts';
import { StreamConsumer } from './stream-consumer.ts';
import { Undated } from './undated.ts';

/** How much is read at once, in bytes: decompressed and parsed content stays in memory until it is folded. */
const AT_ONCE = 64 * 1024 * 1024;

/** Called for each entry, in order, after it was folded. */
export type OnEntry = (entry: LogEntry, folded: Folded) => void;

/**
 * Reads the log on one connection, from the position of the cache, and folds new entries. A message passes, in this
 * order: the stream consumer, the correction of its offset, the check that it follows the content of the cache, the
 * wait for its time, the search for an entry that stops the reading, and the fold.
 */
export class LogReader {
  readonly #connection: BrokerConnection;
  readonly #cache: Cache;
  readonly #names: Names;
  readonly #onEntry: OnEntry;
  readonly #snapshots: SnapshotSource | undefined;
  readonly #consumer: StreamConsumer;
  readonly #correction: OffsetCorrection;
  #continuity: Continuity | undefined;
  readonly #undated = new Undated();
  readonly #roadblock = new Roadblock();
  #reading: typeof Reading | undefined;
  #forms: Forms = {};
  readonly #waiting = new Map<string, { resolve: (folded: Folded) => void; reject: (error: unknown) => void }>();
  #problem: unknown;
  readonly #failed = Promise.withResolvers<never>();
  /** Rejects when nothing more can be read on this connection. */
  readonly failed = this.#failed.promise;
  /** Resolves when the broker has begun to send; rejects if it does not. */
  readonly attached: Promise<void>;

  /** Begins to read. Messages that are published from then on appear in the log. */
  constructor(
    connection: BrokerConnection,
    cache: Cache,
    names: Names,
    onEntry: OnEntry,
    snapshots: SnapshotSource | undefined,
  ) {
    this.#connection = connection;
    this.#snapshots = snapshots;
    this.#cache = cache;
    this.#names = names;
    this.#onEntry = onEntry;
    this.#correction = new OffsetCorrection(connection.product.name);
    this.#consumer = new StreamConsumer(connection, names.log, {
      load: async () => {
        this.#reading = await import('../../wire/message/log-message.ts');
        this.#forms = await cache.rules.forms();
      },
      onBatch: (batch) => this.#digest(batch),
      onEnd: (error) => this.#fail(error),
    });
    this.#failed.promise.catch(() => {});
    this.attached = this.attach();
    this.attached.catch((error: unknown) => this.#fail(error));
  }

  /** Begins at the position of the cache, even if other messages were read before. */
  async attach(): Promise<void> {
    // Before any message is published: entries that another process folds from now on are read here as well.
    const expected = this.#cache.position();
    await this.#consumer.begin(expected.last < 0 ? 'first' : expected.last, () => {
      this.#continuity = new Continuity(expected);
      this.#undated.reset();
      this.#roadblock.lift();
    });
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
    return this.#consumer.silence;
  }

  /** Whether the last message that the cache knows was seen again: the log is the one that was folded. */
  get verified(): boolean {
    return this.#continuity?.verified === true;
  }

  #digest(batch: readonly ConsumeMessage[]): void {
    const { logMessageOf } = this.#reading!;
    const read = batch.map((message) => logMessageOf(message, offsetOf(message), this.#names, this.#forms));
    try {
      const follows = !this.#correction.isNeeded(read[0]!.offset) && partsOf(read).every((part) => this.#read(part));
      if (!follows) this.#beginAgain();
    } catch (error) {
      if (!(error instanceof AbsentStates) || !this.#snapshots) throw error;
      this.#beginAgain(error);
    }
  }

  /** @param absent the content that the fold needs and the cache does not hold */
  #beginAgain(absent?: AbsentStates): void {
    this.#consumer.stop();
    const load = async () => void (absent && (await this.#snapshots?.load(absent)));
    load()
      .then(() => this.begin())
      .catch((error: unknown) => this.#fail(error));
  }

  /** Begins at the position of the cache again. If the cache is empty, it is filled from a snapshot before. */
  async begin(): Promise<void> {
    await this.#snapshots?.fill(this.#connection);
    await this.attach();
  }

  /** @returns whether the reading goes on; if not, it must begin again at the position of the cache */
  #read(part: readonly LogMessage[]): boolean {
    if (this.#roadblock.isUp) return !this.#lookAhead(part);
    const following = this.#continuity!.follow(part);
    if (!following) {
      this.#cache.clear(this.#continuity!.expected);
      return false;
    }
    const { known, messages } = following;
    if (known) this.#tell(known, this.#cache.outcome(known.id));
    const dated = this.#hold(messages);
    const ready = this.#roadblock.before(dated);
    if (ready.length > 0 && !this.#fold(ready)) return false;
    return !this.#roadblock.isUp || !this.#lookAhead(dated.slice(ready.length));
  }

  /** @returns whether the messages follow the content of the cache */
  #fold(ready: readonly LogMessage[]): boolean {
    const folded = this.#cache.fold(ready, this.#continuity!.after);
    if (!folded) return false;
    this.#continuity!.after = ready.at(-1)!.offset;
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
    this.#consumer.stop();
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
