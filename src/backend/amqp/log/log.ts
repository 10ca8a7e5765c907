import type { EndedThing } from '../../../core/log/subject.ts';
import type { LogEvent } from '../../../core/log/rules.ts';
import { type Listeners, nameOf } from '../../projection/listeners.ts';
import { confirmedAndSeen, notShown, RESEND } from './confirmed-and-seen.ts';
import { type OutageGrace, outageNotes } from '../cache/tables/outages.ts';
import type { Cache, Folded } from '../cache/cache.ts';
import { topicsOf } from './interest.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { isRefused, unbound } from '../connection/broker-error.ts';
import type { LogFollower } from './log-follower.ts';
import { LogReader } from './reader/log-reader.ts';
import { LogReaders } from './log-readers.ts';
import type { Note } from '../wire/message/log-body.ts';
import type { LogEntry } from '../wire/message/decode.ts';
import { monotonic } from '../connection/monotonic.ts';
import { foreignMessage, noteMessage, type Under } from '../wire/message/encode.ts';
import { appendAtEnd } from './append-at-end.ts';
import type { SnapshotSource } from './reader/snapshot-source.ts';
import type { Names } from '../wire/names.ts';
import type { Publication } from '../wire/message/publication.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';

export interface Publishing extends Under {
  /** What the events rely on. */
  readonly ended?: readonly EndedThing[];
  /** Called when the message was sent. */
  readonly onSent?: (() => void) | undefined;
}

export interface LogOptions {
  readonly client: ReconnectingClient;
  readonly cache: Cache;
  readonly names: Names;
  readonly listeners: Listeners;
  /** ms since 1970. */
  readonly clock: () => number;
  /** Returns the id of a new entry. */
  readonly newId: () => string;
  readonly outageGrace: OutageGrace;
  /** The id of the clock of this machine. */
  readonly clockId: () => string;
  /** Called when a caller first waits for new entries. */
  readonly openFollower: (readers: LogReaders) => Promise<LogFollower>;
  readonly snapshots: SnapshotSource | undefined;
}

/**
 * The log is the only truth: an appended entry has happened when it has appeared in the log and was folded into the
 * cache. Only then is it known whether it took effect.
 */
export class Log {
  readonly #client: ReconnectingClient;
  readonly #cache: Cache;
  readonly #names: Names;
  readonly #clock: () => number;
  readonly #listeners: Listeners;
  readonly #outageGrace: OutageGrace;
  readonly #clockId: () => string;
  readonly #snapshots: SnapshotSource | undefined;
  readonly #openFollower: LogOptions['openFollower'];
  /** Returns the id of a new entry. */
  readonly newId: () => string;
  readonly #readers = new LogReaders((connection) => this.#startReading(connection));
  #opening: Promise<LogFollower> | undefined;
  #follower: LogFollower | undefined;
  /** The ids of the entries that this process is appending. */
  readonly #own = new Set<string>();
  /** The roles that this process works for. */
  readonly #roles = new Set<string>();
  /** A marker that later calls may share. */
  #unsentMarker: Promise<void> | undefined;
  #closed = false;

  constructor(options: LogOptions) {
    this.#client = options.client;
    this.#cache = options.cache;
    this.#names = options.names;
    this.#clock = options.clock;
    this.#listeners = options.listeners;
    this.#outageGrace = options.outageGrace;
    this.#clockId = options.clockId;
    this.#snapshots = options.snapshots;
    this.#openFollower = options.openFollower;
    this.newId = options.newId;
  }

  /**
   * Publishes an entry, and publishes it again if its arrival is not known.
   * @param make returns what is published under that id; called when there is a connection, so that the entry can
   * contain the time of it
   * @param onSent called when the message was sent
   * @returns whether it took effect
   * @throws Unroutable; AgentqError `unreachable`, `denied`, `topology`, `newer-schema`
   */
  append(id: string, make: () => Publication, onSent?: () => void): Promise<Folded> {
    this.#own.add(id);
    return this.#client
      .withConnection(async (connection) => {
        const folded = await this.#follower?.appended(connection, () => ({ ...make(), onSent }));
        if (folded) {
          this.#outageGrace.published(this.#clock());
          return folded.effect;
        }
        return this.#appendOn(connection, await this.#readers.on(connection), { ...make(), onSent });
      })
      .finally(() => this.#own.delete(id));
  }

  async #appendOn(connection: BrokerConnection, reader: LogReader, message: Publication): Promise<Folded> {
    let shown = false;
    const appeared = reader.appeared(message.options.messageId).then((folded) => {
      shown = true;
      return { folded };
    });
    const unbinding = Promise.withResolvers<never>();
    const seen = Promise.race([appeared, unbinding.promise]);
    seen.catch(() => {}); // if publishing fails, the caller gets that error
    const { patience } = this.#client;
    const begun = monotonic();
    const left = () => patience - Math.min(reader.silence, monotonic() - begun);
    for (let wait = RESEND; ; wait *= 2) {
      let confirmed = false;
      const published = connection.publish(message).then(
        () => void (confirmed = true),
        async (error: unknown) => {
          // If the log cannot be read, that error is more specific.
          await reader.attached;
          throw error;
        },
      );
      if (wait > RESEND) {
        const passed = () => (shown ? undefined : unbinding.reject(unbound(message.key)));
        published.then(() => this.#marked(connection, reader)).then(passed, () => {});
      }
      const result = await confirmedAndSeen(seen, published, left() > 0 ? Math.min(wait, left()) : wait);
      if (result) return result.folded;
      if (confirmed && left() <= 0) throw notShown();
      if (!reader.verified) await this.#lookForOtherLog(connection, reader);
    }
  }

  /** An entry that says nothing: it shows how far the log has been read. */
  #marker(id = this.newId()): Publication {
    return noteMessage(this.#names, id, this.#clock(), {});
  }

  /**
   * Resolves when a marker has appeared: every message that was confirmed before comes before it, if it reaches the log
   * at all.
   */
  async #marked(connection: BrokerConnection, reader: LogReader): Promise<void> {
    const marker = this.#marker();
    await Promise.all([reader.appeared(marker.options.messageId), connection.publish(marker)]);
  }

  /**
   * A log that was created again, and is shorter than the one that was folded, returns nothing from the old position. A
   * new entry shows where its end is.
   */
  async #lookForOtherLog(connection: BrokerConnection, reader: LogReader): Promise<void> {
    const marker = this.#marker();
    const seen = this.#cache.position();
    const end = await appendAtEnd(connection, this.#names, marker, { patience: this.#client.patience });
    if (reader.verified || end > seen.last) return;
    this.#cache.clear(seen);
    await reader.attach();
  }

  /** Appends what only agentq writes: events, or a note. */
  note(
    note: Note,
    { id = this.newId(), onSent, ...under }: Publishing & { readonly id?: string } = {},
  ): Promise<Folded> {
    return this.append(id, () => noteMessage(this.#names, id, this.#clock(), note, under), onSent);
  }

  /** Appends events. @returns whether they took effect */
  async happen(
    events: readonly LogEvent[],
    roles: readonly string[],
    id: string,
    { ended = [], ...more }: Publishing = {},
  ): Promise<boolean> {
    const [role] = roles;
    const claims = role !== undefined && events.some(({ type }) => type === 'claimed');
    if (claims) this.#roles.add(role);
    const grants = events.some(({ type }) => type === 'claimed' || type === 'renewed');
    const note = {
      events: [...events],
      roles: [...new Set(roles)],
      ...(ended.length > 0 && { ended: [...ended] }),
      ...(claims && { role }),
      ...(grants && { clock: this.#clockId() }),
    };
    return (await this.note(note, { ...more, id })) === true;
  }

  /** Adds a result message to the log that was written only to its queue. */
  async tell(content: Buffer): Promise<void> {
    const id = this.newId();
    await this.append(id, () => foreignMessage(this.#names, id, this.#clock(), content));
  }

  /** Afterwards the cache holds everything that was confirmed before. Calls share a marker that is not sent yet. */
  catchUp(): Promise<void> {
    return (this.#unsentMarker ??= this.#sendMarker());
  }

  async #sendMarker(): Promise<void> {
    const id = this.newId();
    const make = () => {
      this.#unsentMarker = undefined;
      return this.#marker(id);
    };
    await this.append(id, make).finally(() => (this.#unsentMarker = undefined));
  }

  /**
   * Same as {@link catchUp}, for a role that this process works for.
   * @param worker the worker that asks for work, if its presence is to be recorded
   */
  async catchUpFor(role: string, worker?: string): Promise<void> {
    this.#roles.add(role);
    await this.note({ role, ...(worker !== undefined && { seen: { worker, role } }) }, { role });
  }

  /** Fills the cache again, after it was emptied. */
  async reread(): Promise<void> {
    await this.#client.withConnection(async (connection) => {
      const reader = await this.#readers.current(connection);
      await reader?.begin();
    });
    await this.catchUp();
  }

  async #startReading(connection: BrokerConnection): Promise<LogReader> {
    await this.#snapshots?.fill(connection);
    const reader = new LogReader(connection, this.#cache, this.#names, (entry) => this.#ring(entry), this.#snapshots);
    await this.#recordOutage(connection, reader);
    return reader;
  }

  /** Writes the length of the outage to the log, before any other entry on a new connection. */
  async #recordOutage(connection: BrokerConnection, reader: LogReader): Promise<void> {
    const from = connection.outageStart;
    if (from === undefined) return;
    // A broker that has just started accepts connections before its log is available.
    await reader.attached;
    const to = this.#clock();
    for (const note of outageNotes(this.#cache.db, { from, to }, this.#roles)) {
      const message = noteMessage(this.#names, this.newId(), to, note, { role: note.role });
      await this.#appendOn(connection, reader, message).catch((error: unknown) => {
        // The workers of other roles, and coordinators, report the outage for those.
        if (!isRefused(error)) throw error;
      });
    }
    connection.outageIsRecorded();
    this.#client.outageIsRecorded();
  }

  #ring(entry: LogEntry): void {
    if (this.#own.has(entry.id)) this.#outageGrace.published(entry.at);
    if (this.#listeners.none) return;
    const topics = topicsOf(entry);
    if (topics === 'every') {
      this.#listeners.ringAll();
      this.#follower?.ringAll();
      return;
    }
    for (const topic of topics) {
      this.#listeners.ring(nameOf(topic));
      this.#follower?.ring(topic);
    }
  }

  /** Whether changes of the log ring. */
  get isLive(): boolean {
    return this.#follower?.isLive === true;
  }

  /** Keeps the cache up to date as long as a caller waits. */
  async follow(): Promise<void> {
    const follower = await (this.#opening ??= this.#openFollower(this.#readers));
    if (this.#closed) return;
    this.#follower = follower;
    await follower.follow();
  }

  close(): void {
    this.#closed = true;
    this.#follower?.close();
  }
}
