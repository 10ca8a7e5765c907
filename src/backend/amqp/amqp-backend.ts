import type { CommandOf } from '../../core/command.ts';
import { type Circumstances, decide } from '../../core/decide.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event, EventOf } from '../../core/event.ts';
import type { Task } from '../../core/task.ts';
import type {
  Backend,
  Claimed,
  ClaimRequest,
  Counts,
  Filter,
  Finding,
  Inbox,
  Outcome,
  Request,
  Topic,
  Watch,
} from '../backend.ts';
import { findRow, parseStored, type Stored, toRow } from '../projection/rows.ts';
import { counts, list } from '../projection/questions.ts';
import { Unroutable } from './broker-error.ts';
import type { Cache } from './cache.ts';
import { Claims } from './claims.ts';
import type { Delivery } from './delivery.ts';
import { readInbox } from './inbox.ts';
import type { Link } from './link.ts';
import type { Log } from './log.ts';
import { submitMessage } from './log-message.ts';
import { LONGEST_DELAY, type Names, RESERVED } from './names.ts';
import type { WorkQueues } from './work-queue.ts';
import { unknownRole } from './work-queue.ts';
import { Tail } from './tail.ts';

/** How often a change is tried again that others were faster than. */
const TRIES = 100;

/** How many tasks are moved on at once because of time alone. */
const SWEEP = 500;

export interface AmqpParts {
  readonly link: Link;
  readonly log: Log;
  readonly cache: Cache;
  readonly names: Names;
  readonly delivery: Delivery;
  readonly work: WorkQueues;
  readonly clock: () => number;
  readonly random: () => number;
  /** How long a task may be ready without a token that anybody finds, before a claim does without, in ms. */
  readonly tokenGrace: number;
}

/**
 * The log is a stream on the broker; this machine's projection of it is a cache. A change is decided on the cache,
 * appended, and has happened when it has come by in the log and was accepted; where somebody else was faster, it is
 * decided anew on what is now known.
 */
export class AmqpBackend implements Backend {
  readonly #parts: AmqpParts;
  readonly #given: Circumstances;
  readonly #claims: Claims;

  constructor(parts: AmqpParts) {
    this.#parts = parts;
    const { clock, random } = parts;
    this.#given = {
      get now() {
        return clock();
      },
      random,
    };
    this.#claims = new Claims(parts, {
      tell: (request) => this.#tell(request),
      sweep: (role) => this.#sweep(role),
    });
  }

  async commit(requests: Iterable<Request>): Promise<readonly Outcome[]> {
    const all = [...requests];
    for (const { command } of all) if (command.type === 'submit') refuseReserved(command);
    const [only] = all;
    if (!only) return [];
    return all.length === 1 ? [await this.#tell(only)] : this.#tellAll(all);
  }

  async #tell(request: Request): Promise<Outcome> {
    const { task_id, command, at } = request;
    if (command.type === 'submit' && command.fresh) return this.#submitFresh(command, at);
    let current = false;
    let remembered = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const base = this.#find(task_id);
      const { events, ...decided } = decide(base, command, this.#at(at));
      if (!current && (decided.refusal || events.length === 0)) {
        // What is to be refused, or has no effect, is so only if nothing has happened that is not known here.
        await this.#parts.log.catchUp();
        current = true;
        continue;
      }
      const said: readonly Event[] = remembered ? events.filter(({ type }) => type !== 'refused') : events;
      if (said.length === 0) return decided;
      if (await this.#append(said, base, decided.task)) return decided;
      current = true;
      remembered ||= said.some(({ type }) => type === 'completed' || type === 'attempt-failed');
    }
    throw new AgentqError('busy', `others keep changing ${task_id}`, 'try again');
  }

  /** Appends the events of one decision about one task. @returns whether they were accepted */
  async #append(events: readonly Event[], base: Task | undefined, task: Task | undefined): Promise<boolean> {
    const { log, names, delivery } = this.#parts;
    const id = log.newId();
    const [first] = events;
    const plain = events.length === 1 && first?.type === 'submitted' && !isTooLong(first);
    if (plain) {
      const accepted = await this.#routed(first, () => log.append(submitMessage(names, id, first)));
      if (accepted) await delivery.after(base, task!, id, true);
      return accepted === true;
    }
    const role = task?.envelope.to;
    const accepted = await log.happen(events, role === undefined ? [] : [role], id);
    if (accepted && task) await delivery.after(base, task, id, false);
    return accepted;
  }

  /** The id was drawn for this task alone: nobody can have been faster, and what the cache knows does not matter. */
  async #submitFresh(command: CommandOf<'submit'>, at: number | undefined): Promise<Outcome> {
    const { link, log, names } = this.#parts;
    const { events, task } = decide(undefined, command, this.#at(at));
    const [first] = events as readonly EventOf<'submitted'>[];
    if (isTooLong(first!)) {
      await this.#append(events, undefined, task);
    } else {
      const message = submitMessage(names, log.newId(), first!);
      await this.#routed(first!, () =>
        link.lasting(async (session) => {
          if (log.isRead(session)) return log.append(message);
          return Tail.append(session, names, message);
        }),
      );
    }
    return { task, changed: true };
  }

  async #routed<T>({ envelope }: EventOf<'submitted'>, publish: () => Promise<T>): Promise<T> {
    try {
      return await publish();
    } catch (error) {
      throw error instanceof Unroutable ? unknownRole(envelope.to) : error;
    }
  }

  /** Several changes are one entry of the log, which is accepted whole or not at all. */
  async #tellAll(requests: readonly Request[]): Promise<readonly Outcome[]> {
    const { log, delivery } = this.#parts;
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries === 0) await log.catchUp();
      const { outcomes, events, before, after } = this.#decideAll(requests);
      if (events.length === 0 || outcomes.some((outcome) => outcome.refusal)) {
        // Of a batch that is undone, nothing has changed.
        return outcomes.map((outcome) => ({ ...outcome, changed: false }));
      }
      const roles = new Set([...after.values()].map((task) => task.envelope.to));
      await this.#parts.work.check([...roles]);
      const id = log.newId();
      if (!(await log.happen(events, [...roles], id))) continue;
      const ready = [...after.values()].filter((task) => task.status === 'queued' && !before.has(task.id));
      await delivery.offer(ready);
      for (const task of after.values()) {
        if (!ready.includes(task)) await delivery.after(before.get(task.id), task, id, false);
      }
      return outcomes;
    }
    throw new AgentqError('busy', 'others keep changing the tasks of the batch', 'try again');
  }

  #decideAll(requests: readonly Request[]) {
    const before = new Map<string, Task>();
    const after = new Map<string, Task>();
    const events: Event[] = [];
    const outcomes = requests.map(({ task_id, command, at }): Outcome => {
      const base = after.get(task_id) ?? this.#find(task_id);
      if (base && !after.has(task_id)) before.set(task_id, base);
      const { events: more, ...outcome } = decide(base, command, this.#at(at));
      events.push(...more);
      if (outcome.task && more.length > 0) after.set(task_id, outcome.task);
      return outcome;
    });
    return { outcomes, events, before, after };
  }

  claim(request: ClaimRequest): Promise<Claimed> {
    return this.#claims.claim(request);
  }

  #find(id: string): Task | undefined {
    return findRow(this.#parts.cache.db, id)?.task;
  }

  #at(at: number | undefined): Circumstances {
    return at === undefined ? this.#given : { ...this.#given, now: at, random: this.#given.random };
  }

  /** Makes events of what time alone has brought about, for one role or for all. */
  async #sweep(role?: string): Promise<void> {
    const { cache } = this.#parts;
    const now = this.#given.now;
    for (;;) {
      const due = cache.db
        .all<Stored>(
          `SELECT n, state FROM task WHERE due_at <= ?1 AND (?2 IS NULL OR role = ?2) ORDER BY due_at LIMIT ${SWEEP}`,
          now,
          role ?? null,
        )
        .map((stored) => toRow(stored).task);
      if (due.length === 0) return;
      await Promise.all(due.map((task) => this.#tell({ task_id: task.id, command: { type: 'elapse' }, at: now })));
    }
  }

  /** Every question is asked of a cache that knows all that was confirmed before, and that time has caught up with. */
  async #catchUp(): Promise<void> {
    await this.#parts.log.catchUp();
    await this.#sweep();
  }

  async task(id: string): Promise<Task | undefined> {
    await this.#parts.log.catchUp();
    const task = this.#find(id);
    if (!task) return undefined;
    const { events } = decide(task, { type: 'elapse' }, this.#given);
    return events.length === 0 ? task : (await this.#tell({ task_id: id, command: { type: 'elapse' } })).task;
  }

  async history(id: string): Promise<readonly Event[]> {
    if (!(await this.task(id))) return [];
    return this.#parts.cache.db
      .all<{ body: string }>('SELECT body FROM event WHERE task = (SELECT n FROM task WHERE id = ?) ORDER BY seq', id)
      .map(({ body }) => parseStored(body) as Event);
  }

  async list(filter: Filter): Promise<readonly Task[]> {
    await this.#catchUp();
    return list(this.#parts.cache.db, filter);
  }

  async counts(): Promise<Counts> {
    await this.#catchUp();
    return counts(this.#parts.cache.db);
  }

  async inbox(queue: string, limit: number): Promise<Inbox> {
    await this.#catchUp();
    await this.#parts.delivery.tidy();
    return readInbox(this.#parts, queue, limit);
  }

  async audit(repair: boolean): Promise<readonly Finding[]> {
    const { cache, log } = this.#parts;
    await this.#catchUp();
    const { audit } = await import('../projection/audit.ts');
    const findings = audit(cache.db, false);
    if (!repair || findings.length === 0) return findings;
    // It is a cache: the log tells everything anew.
    cache.clear();
    await log.readAnew();
    const left = new Set(audit(cache.db, false).map(({ subject }) => subject));
    return findings.map((finding) => ({ ...finding, repaired: !left.has(finding.subject) }));
  }

  watch(topic: Topic): Watch {
    return this.#parts.log.watch(topic);
  }

  async close(): Promise<void> {
    this.#parts.log.close();
    await this.#parts.link.close();
    this.#parts.cache.close();
  }
}

/** Where the broker can't keep it so long, the log alone knows of the task until it is due. */
function isTooLong({ due_at, at }: EventOf<'submitted'>): boolean {
  return due_at !== undefined && due_at - at > LONGEST_DELAY * 1_000;
}

/** Such a queue name would be taken for a routing key of ours. */
function refuseReserved({ envelope }: CommandOf<'submit'>): void {
  if (!envelope.reply_to.startsWith(RESERVED)) return;
  throw new AgentqError(
    'invalid-name',
    `${envelope.reply_to} cannot take result messages: names that begin with ${RESERVED} are agentq's own`,
    'name another queue with --reply-to',
  );
}
