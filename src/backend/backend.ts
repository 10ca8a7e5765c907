import type { Command } from '../core/task/command.ts';
import type { Refusal } from '../core/errors.ts';
import type { Event } from '../core/task/event.ts';
import type { Status, Task } from '../core/task/task.ts';

/**
 * The port: what agentq needs of a place that keeps tasks. It speaks of outcomes; log, projection, tokens and
 * locks are the adapter's affair. Moments and spans in milliseconds.
 *
 * Every answer is true as of the call: what time alone has brought about (a lease that ended, a delay that is
 * over, a TTL that passed) counts as having happened.
 */
export interface Backend {
  /**
   * Decides each command on its task's present state and makes the events durable. Resolves only when they are
   * and this process knows whether they were accepted. Several requests are one batch: if any is refused,
   * nothing of the batch is kept. A refusal is an outcome, not an error.
   */
  commit(requests: Iterable<Request>): Promise<readonly Outcome[]>;
  /** Gives the next ready task of the role to the worker under a lease, the highest priority and the oldest first. */
  claim(request: ClaimRequest): Promise<Claimed>;
  task(id: string): Promise<Task | undefined>;
  /** Everything that happened to the task, in log order; empty for an unknown id. */
  history(id: string): Promise<readonly Event[]>;
  /** Newest first. */
  list(filter: Filter): Promise<readonly Task[]>;
  counts(): Promise<Counts>;
  /**
   * The finished tasks whose result messages wait in a `reply_to` queue, oldest first, but for those in a reader's
   * hands. Nothing is taken.
   */
  inbox(queue: string, limit: number): Promise<readonly Task[]>;
  /**
   * Takes the oldest of them into this reader's hands: nobody else is shown them, until they are given back or this
   * reader is not heard of for a while.
   */
  take(queue: string, limit: number): Promise<Taken>;
  /** Cross-checks the log with everything derived from it; with `repair`, derives it anew where it differs. */
  audit(repair: boolean): Promise<readonly Finding[]>;
  /** Entries of the log that nobody can read, the latest first: every reader passes over them. Absent where nobody else writes the log. */
  passedOver?(): Promise<readonly PassedOver[]>;
  /**
   * Has every reader pass over an entry of the log that stops them all. Absent where nobody else writes the log.
   * @param offset its place in the log
   * @throws AgentqError `usage` where it does not stop them; `denied`
   */
  skip?(offset: number): Promise<void>;
  /** Rings when something may have changed for the topic. Rings may be doubled, and may be missed: poll slowly behind. */
  watch(topic: Topic): Watch;
  /** Whether it is known that it can't be asked just now, and whoever asks all the same would wait for it. */
  readonly away: boolean;
  /** Which queue of a broker it is. Absent where the queue lies in the workspace. */
  readonly place?: QueuePlace;
  close(): Promise<void>;
  /** For a process that ends now: closes only what others would notice, because to close files costs more than to commit. */
  leave(): Promise<void>;
}

/**
 * What tells one queue of a broker from another. Host and port are left out: the broker may move, or have several names.
 */
export interface QueuePlace {
  readonly vhost: string;
  readonly prefix: string;
}

export interface Request {
  readonly task_id: string;
  readonly command: Command;
  /**
   * When it was said, where that was before it could be heard: ms since 1970. Its events are dated so, but no later
   * than now, and no earlier than what last happened to the task.
   */
  readonly at?: number | undefined;
}

export interface Outcome {
  /** As it is after the command, or would have been where its batch is undone; undefined where there is no such task. */
  readonly task: Task | undefined;
  /** Whether the command changed anything: a repeated submit or completion does not, nor does an undone batch. */
  readonly changed: boolean;
  readonly refusal?: Refusal;
}

export interface ClaimRequest {
  readonly role: string;
  readonly worker: string;
  readonly lease: number;
}

export type Claimed =
  | { readonly task: Task & { readonly status: 'working' } }
  /** `next_due`: when time alone may make a task of the role ready; absent where nothing waits. */
  | { readonly task: undefined; readonly next_due?: number };

export interface Filter {
  readonly id_prefix?: string;
  readonly from?: string;
  readonly role?: string;
  readonly statuses?: readonly Status[];
  /** Only what the dead-letter queue shows. */
  readonly dead?: boolean;
  readonly limit: number;
  /** Only tasks submitted before this one: the last of the page before. */
  readonly before?: string;
}

export interface RoleCount {
  readonly role: string;
  readonly tasks: Readonly<Record<Status, number>>;
  /** Since when the longest-waiting ready task waits. */
  readonly oldest_ready_at?: number;
}

export interface WorkerSeen {
  readonly worker: string;
  readonly role: string;
  readonly seen_at: number;
}

export interface Counts {
  readonly roles: readonly RoleCount[];
  /** Those that asked for work of late, or hold some, the latest first. */
  readonly workers: readonly WorkerSeen[];
  readonly dead: number;
}

/** Result messages in one reader's hands. */
export interface Taken {
  /** The finished tasks, oldest first. */
  readonly tasks: readonly Task[];
  /** Takes them out of the queue for good: to be called once they have arrived where they were wanted. */
  acknowledge(): Promise<void>;
  /** Shows them again at once, to the next reader. */
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
  /** Its routing key, which names the role of the user that published it, where it was no coordinator. */
  readonly key: string;
  /** The user that published it, where it says so: the broker has checked that. */
  readonly user: string | null;
  readonly reason: string;
}

/** `role`: a task of the role became ready, or a running one was cancelled. `finished`: some task ended. */
export type Topic = { readonly role: string } | 'finished';

export interface Watch extends Disposable {
  /** Resolves true at a ring since the last call, or false after `ms` or when the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<boolean>;
}
