import type { ClockSkew } from '../core/clock-skew.ts';
import type { Command } from '../core/task/decision/command.ts';
import type { CommandOf, KindName, StateOf } from '../core/log/kind.ts';
import type { LogKinds } from '../core/log/kinds.ts';
import type { Refusal } from '../core/errors.ts';
import type { Event } from '../core/task/event.ts';
import type { Pruned } from '../core/task/decision/pruned.ts';
import type { Status, Task } from '../core/task/task.ts';

/**
 * The port to a place that keeps tasks. It contains what agentq needs from it: outcomes. Log, projection, tokens and
 * locks are internal to the adapter. Times and durations are in milliseconds.
 *
 * Every answer is true at the time of the call: events that result from time alone (a lease that ended, a delay that is
 * over, a TTL that passed) count as having happened.
 */
export interface Backend {
  /**
   * Decides each command on the present state of its task or thing, and makes the events durable. Resolves only when
   * they are durable and this process knows whether they were accepted. Several requests are one batch: if any is
   * refused, the whole batch is undone. A refusal is an outcome, not an error.
   */
  commit(requests: Iterable<Request>): Promise<readonly Outcome[]>;
  /** Gives the next ready task of the role to the worker under a lease, the highest priority and the oldest first. */
  claim(request: ClaimRequest): Promise<Claimed>;
  task(id: string): Promise<Task | undefined>;
  /** The state of a thing of another kind; undefined if it does not exist. */
  thing<N extends OtherKind>(kind: N, id: string): Promise<StateOf<LogKinds, N> | undefined>;
  /** The things of a kind, in the order of their ids: all, or those with the given ids. */
  things<N extends OtherKind>(kind: N, ids?: readonly string[]): Promise<readonly KnownThing<StateOf<LogKinds, N>>[]>;
  /**
   * The task as this machine has last seen it, without a question to a far backend: changes that other machines have
   * made, or that only time has made, may be missing. A change that rang a watch of this process is included.
   */
  lastKnown(id: string): Promise<Task | undefined>;
  /** Everything that happened to the task, in log order; empty for an unknown id. */
  history(id: string): Promise<readonly Event[]>;
  /** The record of a pruned task whose id is not free yet; undefined for any other id. */
  pruned(id: string): Promise<Pruned | undefined>;
  /** Pruned tasks whose evidence may still be in the artifact store, in their last state. */
  prunedEvidence(limit: number): Promise<readonly Task[]>;
  /** Records that the evidence of pruned tasks is removed. */
  evidenceRemoved(ids: readonly string[]): Promise<void>;
  /** Newest first. */
  list(filter: Filter): Promise<readonly Task[]>;
  counts(): Promise<Counts>;
  /** Whether a task was ever sent to the role, a worker waits for its tasks, or it has a queue at a broker. */
  knowsRole(role: string): Promise<boolean>;
  /** The known roles in alphabetical order, except those that only have a queue. */
  knownRoles(): Promise<readonly string[]>;
  /** Whether commands for a role without a queue are refused: `knowsRole` need not be asked before them. */
  readonly refusesUnknownRoles: boolean;
  /**
   * The tasks that have ended after a place in the log, in the order of their ends: a task that was taken back and has
   * ended again is there again. Without a place, those that have ended last, in the same order.
   * @throws AgentqError `usage` for a place that is not of this queue
   */
  ended(question: EndedQuestion): Promise<Ended>;
  /**
   * The finished tasks whose result messages wait in a `reply_to` queue, oldest first, except those that a reader has
   * taken. Removes nothing.
   */
  inbox(queue: string, limit: number): Promise<readonly Task[]>;
  /** The ids of these tasks. A queue may hold a million of them: a broker's reader takes the oldest 10,000 messages. */
  inboxIds(queue: string): Promise<ReadonlySet<string>>;
  /**
   * Takes the oldest of them for this reader: they are hidden from other readers until they are released or this reader
   * has been inactive for a while.
   */
  take(queue: string, limit: number): Promise<Taken>;
  /** Compares the log with everything derived from it; with `repair`, derives it again where it differs. */
  audit(repair: boolean): Promise<readonly Finding[]>;
  /**
   * Unreadable entries of the log, the latest first: every reader passes over them. Absent if only agentq writes the
   * log.
   */
  passedOver?(): Promise<readonly PassedOver[]>;
  /**
   * Makes every reader pass over an entry of the log that stops them all. Absent if only agentq writes the log.
   * @param offset its place in the log
   * @throws AgentqError `usage` if it does not stop them; `denied`
   */
  skip?(offset: number): Promise<void>;
  /**
   * Compares the clock of this machine with the clock that all machines of the queue share. Undefined if they differ by
   * less than about a second. Absent if all processes of the queue are on one machine.
   */
  clockSkew?(): Promise<ClockSkew | undefined>;
  /**
   * Stores what the log leads to, so that a new machine need not read all of it. Absent if no machine has to read it.
   * @returns false if this user may not do that, or if there is no place for it
   */
  snapshot?(): Promise<boolean>;
  /**
   * Puts one in the place of those that contain the text of a task that was pruned since, and removes what killed
   * processes have left of others. Absent together with `snapshot`.
   * @param isDry whether only to count all those that a prune would make obsolete
   * @returns their number
   */
  renewSnapshots?(isDry: boolean): Promise<number>;
  /** Rings when the topic may have changed. Rings may be duplicated or lost: callers must also poll slowly. */
  watch(topic: Topic): Watch;
  /**
   * The clock by which the backend decides, in ms since 1970. A caller that compares a moment of a task with the
   * present uses this clock: its own may differ.
   */
  readonly now: number;
  /** Whether it is known that the backend is currently unreachable, so that a request would wait for it. */
  readonly away: boolean;
  /**
   * Whether the log drops tasks that ended long ago. Evidence that the log does not know is then not an error.
   */
  readonly forgets: boolean;
  /** Which queue it is, for commands that wait for it in the outbox. Absent if the queue is in the workspace. */
  readonly place?: QueuePlace;
  close(): Promise<void>;
  /**
   * For a process that is about to end: closes only what other processes would notice, because closing files costs more
   * than a commit.
   */
  leave(): Promise<void>;
}

/**
 * What distinguishes one queue from all others at its backend, by the words of this backend: for example a virtual host
 * and a prefix. Host and port are left out: a backend may move, or have several names.
 */
export type QueuePlace = Readonly<Record<string, string>>;

/** A command on a task, or on a thing of another kind. */
export type Request = TaskRequest | ThingRequest;

export interface TaskRequest {
  readonly task_id: string;
  readonly command: Command;
  /**
   * When the command was given, if it could not be delivered then: ms since 1970, by `now` of the backend. Its events
   * get this date, but no later than now, and no earlier than the last event of the task.
   */
  readonly at?: number | undefined;
}

/** The kinds of things besides tasks. */
export type OtherKind = Exclude<KindName<LogKinds>, 'task'>;

/** The kinds of things that take commands, besides tasks. */
export type ThingKind = 'note' | 'policy';

export type ThingRequest = {
  [N in ThingKind]: {
    readonly about: { readonly kind: N; readonly id: string };
    readonly command: CommandOf<LogKinds, N>;
  };
}[ThingKind];

export const isThingRequest = (request: Request): request is ThingRequest => 'about' in request;

/** A thing of a kind other than the task, with its state. */
export interface KnownThing<S> {
  readonly id: string;
  readonly state: S;
}

export interface Outcome {
  /**
   * The task after the command, or as it would have been if its batch is undone; undefined if there is no such task, or
   * the command was about another thing.
   */
  readonly task: Task | undefined;
  /** Whether the command changed anything: a repeated submit or completion does not, nor does an undone batch. */
  readonly changed: boolean;
  readonly refusal?: Refusal;
}

export interface ClaimRequest {
  readonly role: string;
  readonly worker: string;
  readonly lease: number;
  /**
   * Whether the worker waits for tasks if there is none, or the config names the role. Then its presence makes an
   * unknown role known; without it, an unknown role stays unknown.
   */
  readonly stays?: boolean;
}

export type Claimed =
  | { readonly task: Task & { readonly status: 'working' } }
  /**
   * `next_due`: when time alone may make a task of the role ready, by `now`; absent if no task waits. `held`: why a
   * ready task was left out, if it waits for a budget.
   */
  | { readonly task: undefined; readonly next_due?: number; readonly held?: string };

export interface Filter {
  readonly id_prefix?: string;
  readonly from?: string;
  readonly role?: string;
  readonly type?: string;
  /** The group in the envelope. */
  readonly group?: string;
  /** Only tasks that this worker holds, or held in any attempt. */
  readonly worker?: string;
  /** Only tasks whose latest event is not earlier than this, in ms since 1970. */
  readonly since?: number;
  readonly statuses?: readonly Status[];
  /** Only tasks in the dead-letter queue. */
  readonly dead?: boolean;
  readonly limit: number;
  /** Only tasks submitted before this one: the last of the page before. */
  readonly before?: string;
}

/** Which tasks: those of a sender, or those with these ids. */
export interface EndedQuestion {
  readonly from?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  /** A place in the log, from an earlier answer. */
  readonly after?: string | undefined;
  /** How many at most. More only if they ended at one place of the log. */
  readonly limit: number;
}

export interface Ended {
  readonly tasks: readonly Task[];
  /** Up to where in the log the tasks are told: a short text for the next question, on any machine. */
  readonly place: string;
  /** Whether there are more after `place`. */
  readonly more: boolean;
  /** How many have ended before those told, if the question had no place. No later answer tells them. */
  readonly earlier: number;
  /** The number of these tasks that have not ended. */
  readonly open: number;
  /** When time alone changes the first of them, by `now`; absent if it changes none. */
  readonly next_due?: number;
}

export interface RoleCount {
  readonly role: string;
  readonly tasks: Readonly<Record<Status, number>>;
  /** When the longest-waiting ready task became ready. */
  readonly oldest_ready_at?: number;
  /** When the next scheduled task becomes ready. */
  readonly next_due_at?: number;
}

export interface WorkerSeen {
  readonly worker: string;
  readonly role: string;
  readonly seen_at: number;
}

export interface Counts {
  readonly roles: readonly RoleCount[];
  /** The workers that recently asked for work, or hold some, the latest first. */
  readonly workers: readonly WorkerSeen[];
  readonly dead: number;
}

/** Result messages that one reader has taken. */
export interface Taken {
  /** The finished tasks, oldest first. */
  readonly tasks: readonly Task[];
  /** Removes them from the queue for good: to be called once they have reached their destination. */
  acknowledge(): Promise<void>;
  /** Makes them available at once to the next reader. */
  release(): Promise<void>;
}

export interface Finding {
  readonly subject: string;
  readonly problem: string;
  /** Whether `audit` can repair it. */
  readonly repairable: boolean;
  readonly repaired: boolean;
}

/** An entry of the log that could not be read. */
export interface PassedOver {
  readonly offset: number;
  /** Its routing key, which names the role of the user that published it, unless that was a coordinator. */
  readonly key: string;
  /** The user that published it, if the message names one: the broker has checked that. */
  readonly user: string | null;
  readonly reason: string;
}

/**
 * `role`: a task of the role became ready, or a running one was cancelled. `finished`: some task ended. `changed`: any
 * task changed, also only its progress, or a worker asked for work for the first time.
 */
export type Topic = { readonly role: string } | 'finished' | 'changed';

export interface Watch extends Disposable {
  /** Resolves true at a ring since the last call, or false after `ms` or when the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<boolean>;
}
