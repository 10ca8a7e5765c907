import { counted } from '../../../core/counted.ts';
import { setTimeout as pause } from 'node:timers/promises';
import type { Circumstances } from '../../../core/task/decision/verdict.ts';
import { decide } from '../../../core/task/decision/decide.ts';
import type { Command } from '../../../core/task/decision/command.ts';
import { AgentqError } from '../../../core/errors.ts';
import { type Applied, applyEntry, refusalOf } from '../../../core/log/apply-entry.ts';
import { isTaskThing, type LogEvent, type LogKinds } from '../../../core/log/rules.ts';
import { type Books, usedUpFor } from '../../../core/budget/used-up.ts';
import { isTask, isTaskEvent } from '../../../core/log/subject.ts';
import { worldOf } from '../../../core/log/world.ts';
import type { Event } from '../../../core/task/event.ts';
import { carries } from '../../../core/task/carries.ts';
import { countsFrom } from '../../../core/task/decision/moment.ts';
import { evolveKnown, type KnownTask, presentTask } from '../../../core/task/decision/pruned.ts';
import type { Task } from '../../../core/task/task.ts';
import { isThingRequest, type Outcome, type Request, type TaskRequest } from '../../backend.ts';
import { findPruned } from '../../projection/pruned.ts';
import { findRow } from '../../projection/rows.ts';
import { booksIn } from '../../projection/books.ts';
import { findThing } from '../../projection/things.ts';
import type { LeaseEnds } from './lease-ends.ts';
import type { OutageGrace } from '../cache/tables/outages.ts';
import type { Cache } from '../cache/cache.ts';
import type { LogRetention } from './log-retention.ts';
import type { MessageRelay } from './messages/message-relay.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Log, Publishing } from '../log/log.ts';
import { ThingCommits } from './thing-commits.ts';
import type { Names } from '../wire/names.ts';
import { changeOf, changeOfAll, reportingUnknownOutcome } from './unknown-outcome.ts';
import { isDenied } from '../connection/broker-error.ts';
import { COMMON_LIMITS } from '../wire/message/bounded-json.ts';
import { isTooLong, submitMessage } from '../wire/message/encode.ts';
import { newRolesOf, rolesOf } from './entry-roles.ts';
import { checkRole, refuseReserved, routed } from './submit-rules.ts';

/** The task after an entry and all that follows from it; undefined if the entry has not changed it. */
const taskIn = ({ things }: Applied<LogKinds>, id: string): Task | undefined =>
  presentTask(things.filter(isTaskThing).find((thing) => thing.id === id)?.after);

const folded = (known: KnownTask | undefined, event: Event) => evolveKnown(known, event).state;

/** How often a change is tried again after another process was faster. */
const TRIES = 100;

export interface CommitParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly log: Log;
  readonly cache: Cache;
  readonly relay: MessageRelay;
  readonly outageGrace: OutageGrace;
  readonly leaseEnds: LeaseEnds;
  readonly logRetention: LogRetention;
}

/**
 * Changes tasks: decides on the state in the cache and appends. If another process was faster, it decides again on the
 * new state.
 */
export class TaskCommits {
  readonly #parts: CommitParts;
  readonly #given: Circumstances;
  readonly #things: ThingCommits;

  constructor(parts: CommitParts, given: Circumstances) {
    this.#parts = parts;
    this.#given = given;
    this.#things = new ThingCommits(parts, given);
  }

  /** Several requests are committed together, or none of them. */
  async commit(requests: readonly Request[]): Promise<readonly Outcome[]> {
    for (const { command } of requests) if (command.type === 'submit') refuseReserved(command);
    const [only] = requests;
    if (!only) return [];
    if (requests.length > 1) return this.#commitAll(requests);
    return [
      await (isThingRequest(only)
        ? this.#things.commit(only, (events) => this.#foresee(events, new Map()))
        : this.commitOne(only)),
    ];
  }

  /** @param current whether the cache has just caught up with the log */
  async commitOne({ task_id, command, at }: TaskRequest, current = false): Promise<Outcome> {
    let remembered = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const known = this.#base(task_id, command);
      const base = presentTask(known);
      const { events, ...decided } = decide(known, command, this.#circumstances(base, at));
      const endsLease = events.some(({ type }) => type === 'lease-expired');
      if (!current && (decided.refusal || events.length === 0 || endsLease)) {
        // A command that is refused, has no effect, or takes a task from its worker, must be decided on the latest
        // state of the log.
        await this.#parts.log.catchUp();
        current = true;
        continue;
      }
      if (endsLease && base && (await this.judged([base]))) continue;
      const effective: readonly Event[] = remembered ? events.filter(({ type }) => type !== 'refused') : events;
      if (effective.length === 0) return decided;
      const foreseen = this.#foresee(effective, new Map([[task_id, known]]));
      const refusal = refusalOf(foreseen);
      if (refusal) return { task: base, changed: false, refusal };
      const append = (onSent?: () => void) => this.#append(effective, foreseen, onSent);
      // An event that results from time has no command: a later call reports it as well.
      const accepted =
        command.type === 'elapse' ? append() : reportingUnknownOutcome(changeOf(task_id, command), append);
      if (await accepted) return { ...decided, task: taskIn(foreseen, task_id) ?? decided.task };
      current = true;
      remembered ||= effective.some(({ type }) => type === 'completed' || type === 'attempt-failed');
    }
    throw new AgentqError('busy', `other processes keep changing ${task_id}`, 'try again');
  }

  /**
   * Called before leases are ended: an outage may have extended them, or they may be live by the clock of another
   * machine. @returns whether this took time, so that the state may have changed
   */
  async judged(tasks: readonly Task[]): Promise<boolean> {
    return (await this.#waitedForOutageNotes(tasks)) || (await this.#parts.leaseEnds.judge(tasks));
  }

  /** Whether the lease is live by the clock of the machine that granted it, although it is over by this one's. */
  isLive(task: Task): boolean {
    return this.#parts.leaseEnds.isOver(task) === false;
  }

  async #waitedForOutageNotes(tasks: readonly Task[]): Promise<boolean> {
    const { outageGrace, log } = this.#parts;
    const patience = tasks.map((task) => (task.status === 'working' ? outageGrace.patience(task.lease.expires_at) : 0));
    const longest = Math.max(...patience);
    if (longest === 0) return false;
    await pause(longest);
    await log.catchUp();
    return true;
  }

  /**
   * Appends the events of one decision about one task.
   * @param foreseen what follows from them
   * @returns whether they were accepted
   */
  async #append(events: readonly Event[], foreseen: Applied<LogKinds>, onSent?: () => void): Promise<boolean> {
    const { client, log, names, relay } = this.#parts;
    const id = log.newId();
    const [first] = events;
    const { ended } = foreseen;
    await this.#republishRevived(foreseen);
    // A plain envelope has no place for what its author has seen.
    const plain = events.length === 1 && first?.type === 'submitted' && !isTooLong(first) && ended.length === 0;
    if (plain) {
      await checkRole(client, names, first.envelope.to);
      const accepted = await routed(first, client, names, () =>
        log.append(id, () => submitMessage(names, id, first, this.#given.now), onSent),
      );
      if (accepted) await relay.after(foreseen, id, true);
      return accepted === true;
    }
    for (const role of newRolesOf(events)) await checkRole(client, names, role);
    const roles = rolesOf(foreseen).slice(0, 1);
    const accepted = await log.happen(events, roles, id, { onSent, ended });
    if (accepted) await relay.after(foreseen, id, false);
    return accepted;
  }

  /** For an entry that opens ended tasks again: every machine must know them when it reads the entry. */
  async #republishRevived({ things }: Applied<LogKinds>): Promise<void> {
    for (const thing of things) {
      if (!isTaskThing(thing)) continue;
      const [before, after] = [presentTask(thing.before), presentTask(thing.after)];
      if (before && after && !carries(before) && carries(after)) await this.#parts.logRetention.republishEnded(before);
    }
  }

  /**
   * What will follow from an entry if it is accepted.
   * @param bases the states that its events were decided on
   */
  #foresee(events: readonly LogEvent[], bases: ReadonlyMap<string, KnownTask | undefined>): Applied<LogKinds> {
    const { cache } = this.#parts;
    const world = worldOf<LogKinds>((thing) => {
      if (!isTask(thing)) return findThing(cache.db, thing);
      return bases.has(thing.id) ? bases.get(thing.id) : this.#find(thing.id);
    });
    return applyEntry(cache.rules, events, world);
  }

  /** Several changes are one entry of the log, which is accepted as a whole or rejected. */
  async #commitAll(requests: readonly Request[]): Promise<readonly Outcome[]> {
    const { log, relay } = this.#parts;
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries === 0) await log.catchUp();
      const { outcomes, events, before } = this.#decideAll(requests);
      if (events.length === 0 || outcomes.some((outcome) => outcome.refusal)) {
        // Nothing has changed in a batch that is undone.
        return outcomes.map((outcome) => ({ ...outcome, changed: false }));
      }
      const overdue = events
        .filter(isTaskEvent)
        .filter(({ type }) => type === 'lease-expired')
        .flatMap(({ task_id }) => presentTask(before.get(task_id)) ?? []);
      if (overdue.length > 0 && (await this.judged(overdue))) continue;
      const foreseen = this.#foresee(events, before);
      const refusal = refusalOf(foreseen);
      if (refusal) return outcomes.map(({ task }) => ({ task, changed: false, refusal }));
      const roles = new Set(rolesOf(foreseen));
      for (const role of new Set([...roles, ...newRolesOf(events)]))
        await checkRole(this.#parts.client, this.#parts.names, role);
      await this.#republishRevived(foreseen);
      const id = log.newId();
      const change = changeOfAll(
        requests.map((request) => (isThingRequest(request) ? request.about.id : request.task_id)),
      );
      const { ended } = foreseen;
      const append = (onSent: () => void) => this.#appendBatch(events, [...roles], id, { onSent, ended });
      if (!(await reportingUnknownOutcome(change, append))) continue;
      await relay.after(foreseen, id, false);
      return outcomes;
    }
    throw new AgentqError('busy', 'other processes keep changing the tasks of the batch', 'try again');
  }

  /** Readers accept a long entry only under a key that names no role: workers may not use such a key. */
  async #appendBatch(
    events: readonly LogEvent[],
    roles: readonly string[],
    id: string,
    publishing: Publishing,
  ): Promise<boolean> {
    const most = COMMON_LIMITS.events;
    if (events.length <= most) return this.#parts.log.happen(events, roles, id, publishing);
    try {
      return await this.#parts.log.happen(events, roles, id, { ...publishing, role: null });
    } catch (error) {
      if (!isDenied(error)) throw error;
      throw new AgentqError(
        'too-large',
        `a batch of ${counted(events.length, 'event')} needs the permissions of a coordinator; the limit for workers is ${most}`,
        'split the batch',
      );
    }
  }

  #decideAll(requests: readonly Request[]) {
    const before = new Map<string, KnownTask | undefined>();
    const after = new Map<string, KnownTask | undefined>();
    const things = new Map<string, unknown>();
    const events: LogEvent[] = [];
    const outcomes = requests.map((request): Outcome => {
      if (isThingRequest(request)) {
        const decided = this.#things.decideIn(things, request);
        events.push(...decided.events);
        return decided.outcome;
      }
      const { task_id, command, at } = request;
      const base = after.has(task_id) ? after.get(task_id) : this.#base(task_id, command);
      if (!before.has(task_id)) before.set(task_id, base);
      const { events: more, ...outcome } = decide(base, command, this.#circumstances(presentTask(base), at));
      events.push(...more);
      if (more.length > 0) after.set(task_id, more.reduce(folded, base));
      return outcome;
    });
    return { outcomes, events, before };
  }

  /**
   * A task that another role's workers have invented under this id does not prevent a coordinator from using the id.
   */
  #base(id: string, command: Command): KnownTask | undefined {
    const known = this.#find(id);
    const task = presentTask(known);
    const claimed = command.type === 'submit' && task && task.envelope.to !== command.envelope.to;
    return claimed && this.#parts.cache.hearsayOf(id) !== undefined ? undefined : known;
  }

  /** What the cache says about budgets. */
  books(): Books {
    return booksIn(this.#parts.cache.db);
  }

  #find(id: string): KnownTask | undefined {
    const { db } = this.#parts.cache;
    return findRow(db, id)?.task ?? findPruned(db, id);
  }

  #circumstances(task: Task | undefined, at: number | undefined): Circumstances {
    const { now, random } = this.#given;
    const counted = countsFrom(task, at, now);
    const over = task?.status === 'working' && task.lease.expires_at <= counted;
    // A lease that is live by another clock must not end: for its task, the time is set to just before the end.
    const usedUp: Circumstances['usedUp'] = (one) => usedUpFor(this.books(), one, counted);
    return { now: over && this.isLive(task) ? task.lease.expires_at - 1 : counted, random, usedUp };
  }
}
