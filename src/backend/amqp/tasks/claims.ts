import { type UsedUp, usedUpFor, usedUpOfRole } from '../../../core/budget/used-up.ts';
import type { Priority } from '../../../core/envelope/priority.ts';
import type { EventOf } from '../../../core/task/event.ts';
import type { Task } from '../../../core/task/task.ts';
import { unreadableEvents } from '../../../core/task/decision/unreadable.ts';
import type { Claimed, ClaimRequest } from '../../backend.ts';
import { nextReady } from '../../projection/next-ready.ts';
import type { Cache } from '../cache/cache.ts';
import { overdue } from '../cache/tables/endings.ts';
import { monotonic } from '../connection/monotonic.ts';
import type { TaskCommits } from './commit.ts';
import type { MessageRelay } from './messages/message-relay.ts';
import type { DueTasks } from './due-tasks.ts';
import type { Log } from '../log/log.ts';
import { endingOf } from '../wire/entry-id.ts';
import { FOUND } from '../wire/routing-key.ts';
import type { LogRetention } from './log-retention.ts';
import { type Token, type WorkQueueParts, WorkQueues } from './work-queue.ts';

/** How long a token may be in transit, and how often to look for it, in ms. */
const ON_ITS_WAY = 5_000;
const LOOK_AGAIN = 250;

/** How often a process that follows the log looks for its end to find no work, in ms. */
const LOOK_EVERY = 5_000;

/** How often a worker's presence is recorded, in ms. */
const PRESENCE_EVERY = 60_000;

/** The maximum length of the content that a dead letter keeps of a message that is not a task, in bytes. */
const LONGEST_DEAD_LETTER = 1024 * 1024;

/** The ready tasks of a role that have waited for their token for so long that they need none. */
const READY = "FROM tasks INDEXED BY task_ready WHERE role = ? AND status = 'queued' AND ready_at <= ?";

export interface ClaimParts extends WorkQueueParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly commits: TaskCommits;
  readonly dueTasks: DueTasks;
  readonly logRetention: LogRetention;
  readonly relay: MessageRelay;
  /** Called when there is no work and the end of the log was looked at. A claim does not wait for what it starts. */
  readonly onIdle: () => void;
  /** How long a task may be ready without a token that a claim finds, before a claim takes it without one, in ms. */
  readonly tokenGrace: number;
}

/**
 * Gives out tasks. A token names a task that may be ready; the log decides which claim gets it. Tokens may be
 * duplicated, late or stale: those are removed and dropped. A ready task without a token that a claim finds is given
 * out without one, once it has been ready for some time.
 */
export class Claims {
  readonly #parts: ClaimParts;
  readonly #workQueues: WorkQueues;
  readonly #present = new Map<string, number>();
  /** When the end of the log was last looked at and there was no work, by role and the monotonic clock. */
  readonly #lookedAt = new Map<string, number>();
  /** Why a ready task was left out, if one waits for a budget. */
  #held: UsedUp | undefined;
  /** The ready tasks when a claim last found no token, and since when they are the same: by role. */
  readonly #tokenless = new Map<string, { readonly tasks: string; readonly since: number }>();

  constructor(parts: ClaimParts) {
    this.#parts = parts;
    this.#workQueues = new WorkQueues(parts);
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    this.#held = undefined;
    const byToken = await this.#byToken(request);
    if (byToken) return { task: byToken };
    if (this.#isCurrent(request.role)) return this.#nothing(request.role);
    await this.#parts.log.catchUpFor(request.role, this.#isToBeSeen(request) ? request.worker : undefined);
    // What the log says now may differ, for example after another machine has raised the budget.
    this.#held = undefined;
    await this.#parts.dueTasks.elapse(request.role);
    // A task that has just become ready has a token as well; a task that has waited too long for one comes first.
    const task = (await this.#withoutToken(request)) ?? (await this.#byToken(request));
    if (task) return { task };
    await this.#parts.relay.tidy(request.role);
    await this.#parts.logRetention.republish(request.role);
    this.#parts.onIdle();
    this.#lookedAt.set(request.role, monotonic());
    return this.#nothing(request.role);
  }

  async #byToken(request: ClaimRequest): Promise<Working | undefined> {
    for (;;) {
      // Its tokens stay where they are.
      if (this.#isRoleHeld(request.role)) return undefined;
      const token = await this.#workQueues.next(request.role);
      if (!token) return undefined;
      const task = await this.#use(request, token);
      if (task) return task;
    }
  }

  async #use(request: ClaimRequest, token: Token): Promise<Working | undefined> {
    try {
      const { submitted, entry } = token;
      const task = submitted
        ? await this.#take(request, submitted, entry)
        : await this.#deadLetter(request.role, token);
      token.take();
      return task;
    } catch (error) {
      token.back();
      throw error;
    }
  }

  async #take(
    request: ClaimRequest,
    submitted: EventOf<'submitted'>,
    entry: string | undefined,
  ): Promise<Working | undefined> {
    const { log, relay } = this.#parts;
    const id = submitted.task_id;
    const { priority } = submitted.envelope;
    const { got, task } = await this.#claim(request, id, priority);
    if (got) return got;
    if (task) {
      await relay.postpone(task);
      return undefined;
    }
    // The log does not contain it: the submitter published only to the queue, or the log lost it. It is added under the
    // id that it has. Its submitter may be publishing it again, and then finds that the submit has happened.
    const accepted = await log.happen([submitted], [request.role], entry ?? log.newId(), { keyWord: FOUND });
    return accepted ? (await this.#claim(request, id, priority)).got : undefined;
  }

  /**
   * @param priority that of the token: the author of an edit sends another one
   * @returns the task in `got` if this call got it, else its state
   */
  async #claim(
    { worker, lease, role }: ClaimRequest,
    id: string,
    priority?: Priority,
  ): Promise<{ got?: Working; task: Task | undefined }> {
    const { commits, clock } = this.#parts;
    const { task, changed } = await commits.commitOne({
      task_id: id,
      command: { type: 'claim', worker, lease, role, ...(priority && { priority }) },
    });
    // Its token is dropped. Who raises the budget sends another one.
    if (!changed && task?.status === 'queued') this.#held ??= usedUpFor(commits.books(), task, clock());
    return changed && task?.status === 'working' ? { got: task, task } : { task };
  }

  /** An unreadable message becomes a dead letter, so that it blocks no worker and users see it. */
  async #deadLetter(role: string, { content, queue }: Token): Promise<undefined> {
    const { log, relay, clock } = this.#parts;
    const { sha256Hex } = await import('../../../core/sha256.ts');
    const id = `unreadable-${sha256Hex(content).slice(0, 12)}`;
    const entry = log.newId();
    const reason = `a message in ${queue} that is not a task envelope`;
    const events = unreadableEvents(id, role, content, reason, clock());
    if (!(await log.happen(events, [role], entry, { keyWord: FOUND }))) return;
    await relay.sendDeadLetter(id, role, content.subarray(0, LONGEST_DEAD_LETTER), reason);
    await log.note({ announced: endingOf(id, entry) }, { role });
  }

  async #withoutToken(request: ClaimRequest): Promise<Working | undefined> {
    const { cache, clock, commits, tokenGrace } = this.#parts;
    for (;;) {
      const now = clock();
      const ready = { role: request.role, from: READY, values: [request.role, now - tokenGrace] };
      const { row, held } = nextReady(cache.db, ready, commits.books(), now);
      this.#held ??= held;
      if (!row) return undefined;
      const { got } = await this.#claim(request, row.task.id);
      if (got) return got;
    }
  }

  /** Whether a budget holds all tasks of a role, as far as the log was read. */
  #isRoleHeld(role: string): boolean {
    const { commits, clock } = this.#parts;
    const books = commits.books();
    const now = clock();
    const held = usedUpOfRole(books, role, now);
    this.#held ??= held;
    return held !== undefined;
  }

  /**
   * Whether another look at the end of the log can wait: this process follows the log, has looked a moment ago, and
   * nothing of the role is due. A change that it has not read yet rings.
   */
  #isCurrent(role: string): boolean {
    const { cache, clock, log, tokenGrace } = this.#parts;
    const now = clock();
    if (!log.isLive || monotonic() >= (this.#lookedAt.get(role) ?? -Infinity) + LOOK_EVERY) return false;
    const due = cache.db.get(
      `SELECT 1 FROM tasks WHERE role = ?1 AND due_at <= ?2 UNION ALL
       SELECT 1 FROM tasks INDEXED BY task_ready WHERE role = ?1 AND status = 'queued' AND ready_at <= ?3 LIMIT 1`,
      role,
      now,
      now - tokenGrace,
    );
    return due === undefined && overdue(cache.db, now, role).length === 0;
  }

  /** When to ask again without a ring. */
  #nothing(role: string): Claimed {
    const { cache, tokenGrace } = this.#parts;
    const due = cache.db.get<{ at: number | null }>('SELECT min(due_at) AS at FROM tasks WHERE role = ?', role)!.at;
    const ready = cache.db.get<Ready>(
      `SELECT min(ready_at) AS first, max(ready_at) AS last, count(*) AS tasks, sum(n) AS numbers
       FROM tasks INDEXED BY task_ready WHERE role = ? AND status = 'queued'`,
      role,
    )!;
    const held = ready.tasks > 0 ? (this.#held ?? this.#heldOf(role)) : undefined;
    const token = Math.min((ready.first ?? Infinity) + tokenGrace, this.#onItsWay(role, ready));
    // A task that waits for a budget needs no token.
    const look = held ? Math.max(token, this.#parts.clock() + LOOK_EVERY) : token;
    const next = Math.min(due ?? Infinity, look, held?.until ?? Infinity);
    return { task: undefined, ...(next < Infinity && { next_due: next }), ...(held && { held: held.reason }) };
  }

  /** Why the first of the ready tasks waits for a budget, if it does. Its token was dropped. */
  #heldOf(role: string): UsedUp | undefined {
    const { cache, commits, clock } = this.#parts;
    const now = clock();
    return nextReady(cache.db, { role, from: READY, values: [role, now] }, commits.books(), now).held;
  }

  /**
   * When to look for tokens that may still be in transit; Infinity if there are none. A process reads that a task is
   * ready before the token arrives: the author of the event sends the token after the event, and a broker delivers a
   * message to its queues one after the other.
   */
  #onItsWay(role: string, ready: Ready): number {
    const now = this.#parts.clock();
    const tasks = JSON.stringify(ready);
    const known = this.#tokenless.get(role);
    const since = known?.tasks === tasks ? known.since : now;
    this.#tokenless.set(role, { tasks, since });
    return ready.tasks > 0 && now >= since && now < since + ON_ITS_WAY ? now + LOOK_AGAIN : Infinity;
  }

  /** Whether the worker's presence was not recorded recently. */
  #isToBeSeen({ role, worker }: ClaimRequest): boolean {
    const now = this.#parts.clock();
    const key = `${role} ${worker}`;
    if (now - (this.#present.get(key) ?? 0) < PRESENCE_EVERY) return false;
    this.#present.set(key, now);
    return true;
  }
}

/** The ready tasks of a role. */
interface Ready {
  /** The earliest and the latest time since which one of them is ready. */
  readonly first: number | null;
  readonly last: number | null;
  readonly tasks: number;
  /** The sum of their numbers. */
  readonly numbers: number | null;
}

type Working = Task & { readonly status: 'working' };
