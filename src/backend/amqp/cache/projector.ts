import { isDeepStrictEqual } from 'node:util';
import type { EventOf } from '../../../core/task/event.ts';
import { foreignEvent } from '../../../core/result/foreign-result.ts';
import type { World } from '../../../core/log/kind.ts';
import { type Applied, applyEntry, NOTHING } from '../../../core/log/apply-entry.ts';
import { isTaskThing, type LogEvent, type LogKinds, type LogRules } from '../../../core/log/rules.ts';
import {
  type Carried,
  type EndedThing,
  isCarried,
  isTask,
  isTaskEvent,
  type Subject,
  subjectOf,
} from '../../../core/log/subject.ts';
import { worldOf } from '../../../core/log/world.ts';
import { isPruned, type KnownTask } from '../../../core/task/decision/pruned.ts';
import type { Connection } from '../../projection/connection.ts';
import type { Row } from '../../projection/rows.ts';
import { type Author, mayWrite } from '../wire/author.ts';
import { digestMark, foreignEntryId, isForeignEnding, noteMark, taskOfEnding } from '../wire/entry-id.ts';
import { Doubts } from './tables/doubts.ts';
import { adoptEnding, noteMessage, noteSent } from './tables/endings.ts';
import { Hearsay, type EntrySource } from './tables/hearsay.ts';
import type { LogEntry } from '../wire/message/decode.ts';
import { noteSnapshot } from './tables/known-snapshots.ts';
import { Leases } from './tables/leases.ts';
import { Outages } from './tables/outages.ts';
import { recordPassedOver } from './tables/passed-over.ts';
import { isRepeatOf } from './repeated-state.ts';
import { RoleClocks, TOLERANCE } from './tables/role-clocks.ts';
import { StoredThings } from './tables/stored-things.ts';
import { changeOf, noteRepeated } from './tables/thing-log.ts';

/** Folds entries into the cache, within the caller's transaction. The rows of tasks are written at its end. */
export class Projector {
  readonly #db: Connection;
  readonly #rules: LogRules;
  readonly #things: StoredThings;
  readonly #clocks: RoleClocks;
  readonly #outages: Outages;
  readonly #world: World<LogKinds>;
  readonly #hearsay: Hearsay;
  readonly #doubts: Doubts;
  readonly #leases: Leases;
  #at: number;
  /** The offset of the message that is being folded. */
  #offset = -1;

  constructor(db: Connection, at: number, rules: LogRules) {
    this.#rules = rules;
    this.#db = db;
    this.#at = at;
    this.#clocks = new RoleClocks(db);
    this.#leases = new Leases(db);
    this.#things = new StoredThings(db, this.#leases, rules.kinds);
    this.#outages = new Outages(db, this.#clocks, (id, event, span) => {
      if (this.#apply(id, 'coordinator', [event])) this.#leases.extend(this.#find(event.task_id)!.n, span);
    });
    this.#world = worldOf<LogKinds>((thing) => this.#things.find(thing));
    this.#hearsay = new Hearsay(db);
    this.#doubts = new Doubts(db);
  }

  /** The time that the log has reached, ms since 1970. */
  get at(): number {
    return this.#at;
  }

  /** @returns whether the entry took effect; undefined if it can have no effect */
  add(entry: LogEntry, offset: number): boolean | undefined {
    this.#offset = offset;
    // An entry without a time has the time of the next entry, and an unreadable entry has no author.
    if (entry.kind !== 'unreadable' && entry.kind !== 'newer') this.#notice(entry);
    return this.#add(entry);
  }

  #notice(entry: LogEntry): void {
    const { at, author } = entry;
    this.#outages.notice(this.#at, at);
    this.#clocks.advance(author, at);
    if (entry.kind === 'events') this.#clocks.noteSigned(entry);
    // Only a coordinator can correct a time of others that is in the future.
    const ahead = author === 'coordinator' && this.#at > at + TOLERANCE;
    if (ahead) this.#db.run('DELETE FROM silence WHERE ended > ?', at + TOLERANCE);
    this.#at = ahead ? at : Math.max(this.#at, at);
  }

  #add(entry: LogEntry): boolean | undefined {
    const { author } = entry;
    switch (entry.kind) {
      case 'events':
        return this.#addEvents(entry);
      case 'due': {
        const { task_id, at, role } = entry;
        return this.#apply(entry.id, author, [{ v: 1, type: 'became-due', task_id, at }], role);
      }
      case 'result': {
        const { message, at, digest } = entry;
        const task = this.#find(message.task_id)?.task;
        // A result message has been sent, if the task asks for one.
        if (entry.announces !== undefined)
          return entry.key === task?.envelope.reply_to ? this.#setAnnounced(task.id, entry.announces) : undefined;
        if (!task) this.#hearsay.mentioned(message.task_id, { from: message.from }, this.#offset);
        const event = task && foreignEvent(task, message, at);
        this.#db.run('INSERT OR IGNORE INTO entry (id, accepted) VALUES (?, 1)', digestMark(digest));
        return event !== undefined && this.#apply(foreignEntryId(entry.id, digest), author, [event]);
      }
      case 'skip':
        return undefined;
      case 'snapshot':
        noteSnapshot(this.#db, entry, this.#offset);
        return void this.#db.run('INSERT OR IGNORE INTO entry VALUES (?, 0)', noteMark(entry.id));
      case 'newer':
        return recordPassedOver(this.#db, this.#offset, entry, 'a newer agentq wrote it, and doctor --skip named it');
      case 'unreadable':
        return recordPassedOver(this.#db, this.#offset, entry, entry.reason);
      default:
        return entry satisfies never;
    }
  }

  #addEvents(entry: LogEntry & { kind: 'events' }): boolean | undefined {
    const { seen, announced, away, at, role, author } = entry;
    if (seen && seen.role === role) {
      this.#db.run(
        'INSERT INTO workers (name, role, seen_at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seen_at = max(seen_at, ?3)',
        seen.worker,
        seen.role,
        at,
      );
    }
    if (announced !== undefined) this.#noteAnnounced(announced, role);
    if (away) {
      this.write();
      this.#outages.stretch(entry, away);
    }
    const [first] = entry.events;
    if (!first) return void this.#db.run('INSERT OR IGNORE INTO entry VALUES (?, 0)', noteMark(entry.id));
    if (isCarried(first)) return this.#adoptThing(entry, first);
    if (isTaskEvent(first) && first.type === 'carried')
      return (role === undefined || first.task.envelope.to === role) && this.#adopt(entry, first);
    const isDuplicate = this.#outcomeOf(entry.id) !== undefined;
    const accepted = this.#apply(entry.id, author, entry.events, role, entry.ended);
    if (accepted && !isDuplicate) this.#leases.grant(entry.events.filter(isTaskEvent), this.#offset, entry.clock);
    return accepted;
  }

  /**
   * Records that the messages of an ended task are sent. Only the role of the task can state it. An end by a
   * third-party worker is the exception: that worker has sent its message itself, so a false note suppresses no message.
   */
  #noteAnnounced(ending: string, role: string | undefined): void {
    const id = taskOfEnding(ending);
    const task = this.#find(id)?.task;
    if (task && (role === task.envelope.to || isForeignEnding(ending))) this.#setAnnounced(id, ending);
  }

  #setAnnounced(id: string, ending: string): undefined {
    noteSent(this.#db, this.#find(id)!.n, ending);
  }

  /** Whether an entry that was folded before was accepted; undefined if it is new. */
  #outcomeOf(id: string): { readonly accepted: number } | undefined {
    return this.#db.get<{ accepted: number }>('SELECT accepted FROM entry WHERE id = ?', id);
  }

  /**
   * @param role the role whose tasks the entry may change; undefined for all
   * @param ended what its author has seen: only coordinators are believed
   */
  #apply(id: string, author: Author, events: readonly LogEvent[], role?: string, ended?: readonly EndedThing[]) {
    const known = this.#outcomeOf(id);
    if (known) return known.accepted === 1;
    const rightful = mayWrite(author, events, role, (task) => this.#find(task)?.task.envelope.to);
    const displaced = author === 'coordinator' ? this.#hearsay.displacedBy(events) : new Set<string>();
    const world = worldOf<LogKinds>((thing) =>
      isTask(thing) && displaced.has(thing.id) ? undefined : this.#things.find(thing),
    );
    const seen = author === 'coordinator' ? ended : undefined;
    const applied: Applied<LogKinds> = rightful ? applyEntry(this.#rules, events, world, seen) : NOTHING;
    const { accepted } = applied;
    if (accepted) for (const task of displaced) this.#forget(task);
    this.#db.run('INSERT INTO entry (id, accepted) VALUES (?, ?)', id, accepted ? 1 : 0);
    for (const thing of applied.things) {
      if (isTaskThing(thing)) this.#set(thing.id, thing.after);
      else this.#things.set(thing, thing.after, this.#offset, this.#at);
    }
    this.#mention(rightful ? applied.missing : events.map(subjectOf), author);
    for (const event of applied.events) this.#things.append(event);
    this.#doubts.mentioned(events, this.#offset);
    for (const message of applied.messages) {
      const n = this.#find(message.task.id)?.n;
      if (n !== undefined) noteMessage(this.#db, n, message, { entry: id, offset: this.#offset, reached: this.#at });
    }
    const begun = accepted ? events.filter(isTaskEvent).filter(({ type }) => type === 'submitted') : [];
    for (const { task_id } of begun) this.#learn(task_id, author);
    return accepted;
  }

  /** Records that the log has mentioned unknown things. */
  #mention(subjects: readonly Subject[], author: EntrySource): void {
    for (const subject of subjects) {
      if (this.#things.find(subject) !== undefined) continue;
      if (!isTask(subject)) this.#hearsay.mentionedThing(subject, this.#offset);
      else this.#hearsay.mentioned(subject.id, author, this.#offset);
    }
  }

  /** Records that a task has become known, by an entry of this author. */
  #learn(id: string, author: Author): void {
    if (typeof author === 'string') this.#hearsay.confirmed(id);
    else this.#hearsay.learned(id, author.role, this.#offset);
  }

  /**
   * Folds an open task that was republished before the log drops its beginning. A cache that knows the same state
   * records when it was republished. A cache that does not know the task, because its log begins later, or that doubts
   * its state, takes it from this entry, unless the log has mentioned the task since it was taken.
   * `after` is how far the log was read when the state was taken.
   */
  #adopt(entry: LogEntry & { kind: 'events' }, event: EventOf<'carried'>): boolean {
    const { author, after = -1 } = entry;
    if (after >= this.#offset) return false;
    const { task, task_id } = event;
    const known = this.#find(task_id);
    if (known && !isRepeatOf(known.task, task)) {
      const isCorrected =
        this.#doubts.isCorrectedBy(task_id, after) || this.#hearsay.isCorrectedBy(known.task, task, after);
      if (author !== 'coordinator' || !isCorrected) return false;
      this.#forget(task_id);
    } else if (known) {
      if (author === 'coordinator') for (const one of [this.#hearsay, this.#doubts]) one.confirmed(task_id);
      return this.#noteCarried(known.n, entry, event);
    } else if (this.#hearsay.isOutdated(task, after)) {
      return false;
    }
    this.#hearsay.adopted(task);
    if (!this.#apply(entry.id, author, [event])) return false;
    this.#leases.grant([event], this.#offset);
    this.#learn(task_id, author);
    return this.#noteCarried(this.#find(task_id)!.n, entry, event);
  }

  /**
   * Folds a thing of another kind that was republished before the log drops its beginning. It replaces the state that
   * this cache has: the author may have read more of the log, except than a cache that has summed up all of it. If the
   * log has changed or mentioned the thing since the author read it, the entry has no effect; the thing is republished
   * before the log drops that change.
   */
  #adoptThing({ id, author, after = -1 }: LogEntry & { kind: 'events' }, event: Carried): boolean {
    const { about } = event;
    const { changed, isWhole } = changeOf(this.#db, about) ?? { changed: this.#hearsay.lastMention(about), isWhole: 0 };
    if (author !== 'coordinator' || after >= this.#offset || changed > after) return false;
    const isNews = !isDeepStrictEqual(this.#things.find(about), event.state);
    if (isNews && (isWhole || !this.#apply(id, author, [event]))) return false;
    if (isNews && this.#rules.decidesOnTasks?.(about.kind, this.#world)) {
      this.write();
      this.#doubts.begin(this.#offset, this.#at);
    }
    this.#hearsay.adoptedThing(about);
    noteRepeated(this.#db, about, this.#at, isNews);
    return true;
  }

  #noteCarried(n: number, entry: LogEntry & { kind: 'events' }, { task, at }: EventOf<'carried'>): true {
    if (entry.ending) adoptEnding(this.#db, n, task, entry.ending, at, entry.after);
    this.#db.run('INSERT OR REPLACE INTO carried (task, at) VALUES (?, ?)', n, at);
    if (entry.author === 'coordinator') this.#db.run('INSERT OR REPLACE INTO vouched (task, at) VALUES (?, ?)', n, at);
    return true;
  }

  /** Removes a task that never existed. */
  #forget(id: string): void {
    this.#things.removeTask(id);
    this.#hearsay.confirmed(id);
    this.#doubts.confirmed(id);
  }

  #find(id: string): Row | undefined {
    return this.#things.task(id);
  }

  #set(id: string, after: KnownTask): void {
    if (isPruned(after)) {
      this.#things.pruneTask(after);
      this.#db.run('UPDATE log SET pruned = ?', this.#offset);
      this.#hearsay.confirmed(id);
      return;
    }
    if (this.#find(id)) this.#hearsay.changed(id, this.#offset);
    this.#things.setTask(id, after);
  }

  /** Writes the rows that have changed. */
  write(): void {
    this.#things.write();
    this.#clocks.write();
  }
}
