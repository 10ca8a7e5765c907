import { setTimeout as pause } from 'node:timers/promises';
import { AgentqError } from '../../../../core/errors.ts';
import { nextDue } from '../../../../core/task/fold/due.ts';
import type { Applied } from '../../../../core/log/apply-entry.ts';
import type { Thing } from '../../../../core/log/draft.ts';
import { freedTasks } from './freed-tasks.ts';
import { isTaskThing, type LogKinds } from '../../../../core/log/rules.ts';
import { presentTask } from '../../../../core/task/decision/pruned.ts';
import { isDead, type Task } from '../../../../core/task/task.ts';
import { findPruned } from '../../../projection/pruned.ts';
import { findRow } from '../../../projection/rows.ts';
import { isDenied, Unroutable } from '../../connection/broker-error.ts';
import type { Cache } from '../../cache/cache.ts';
import { declare } from '../../topology/declare.ts';
import { justEnded, OVERDUE, overdue } from '../../cache/tables/endings.ts';
import { endingOf, isForeignEnding } from '../../wire/entry-id.ts';
import type { ReconnectingClient } from '../../connection/reconnecting-client.ts';
import type { Log } from '../../log/log.ts';
import { announcement, deadMessage, submissionOf, tokenMessage } from '../../wire/message/encode.ts';
import { monotonic } from '../../connection/monotonic.ts';
import { LONGEST_DELAY, type Names } from '../../wire/names.ts';
import type { Publication } from '../../wire/message/publication.ts';
import { SendQueue } from './send-queue.ts';
import { resultsOf } from '../../topology/topology.ts';

/** How often to check whether a message has arrived, in ms. */
const LOOK_AGAIN = 10;

export interface RelayOptions {
  readonly clock: () => number;
  readonly refOf: (path: string) => string;
  readonly replicated: boolean;
  readonly say: (line: string) => void;
}

/**
 * Sends the messages that follow from the log: tokens to work queues and delays, result messages to their `reply_to`
 * queues, dead letters to their queue. Each is sent once its event is known to have taken effect. If a process was
 * killed before it sent them, other processes send them.
 */
export class MessageRelay {
  readonly #client: ReconnectingClient;
  readonly #log: Log;
  readonly #cache: Cache;
  readonly #names: Names;
  readonly #options: RelayOptions;
  readonly #queue: SendQueue;

  constructor(client: ReconnectingClient, log: Log, cache: Cache, names: Names, options: RelayOptions) {
    this.#client = client;
    this.#log = log;
    this.#cache = cache;
    this.#names = names;
    this.#options = options;
    this.#queue = new SendQueue(options.say);
  }

  /**
   * Sends what follows from an entry: tokens and messages. The end of a task is announced in the background: {@link
   * settled} waits for that.
   * @param entry its id
   * @param hasToken whether the entry itself went into the work queue, or the delay
   */
  async after({ things, messages }: Applied<LogKinds>, entry: string, hasToken: boolean): Promise<void> {
    // If an entry ends a task and takes it back, only the last of its messages counts.
    const last = new Map(messages.map((message) => [`${message.type} ${message.task.id}`, message]));
    for (const { type, state, task } of last.values()) {
      if (type !== 'result' || state !== 'due') continue;
      const send = () => this.announce(task, endingOf(task.id, entry));
      this.#queue.add({ name: task.id, queue: task.envelope.reply_to, send });
    }
    if (!hasToken) await this.#sendTokens(things);
    const revived = [...last.values()].find(({ type, state }) => type === 'dead-letter' && state === 'withdrawn');
    // Once for all tasks that are revived before it begins: each removal reads every dead letter.
    const send = this.#removeRevived;
    if (revived && !this.#queue.holds(send)) this.#queue.add({ name: revived.task.id, send });
  }

  /** Resolves when all pending messages are sent. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  /** Sends the tokens of the tasks that are now ready, and of those that wait. */
  async #sendTokens(things: readonly Thing<LogKinds>[]): Promise<void> {
    const ready: Task[] = [];
    for (const thing of things) {
      if (thing.kind === 'policy')
        ready.push(...freedTasks(this.#cache.db, thing.before, thing.after, this.#options.clock()));
      if (!isTaskThing(thing)) continue;
      const { before: known, after } = thing;
      const [before, task] = [presentTask(known), presentTask(after)];
      if (!task) continue;
      const edited = before !== undefined && before.envelope !== task.envelope;
      const moved = before?.status !== task.status || before.attempts.length !== task.attempts.length;
      if (!moved && !edited) continue;
      // The broker moves the token of a delay that is over out of the delay.
      const kept = before?.status === 'scheduled' && before.due_at - before.updated_at <= LONGEST_DELAY * 1_000;
      if (task.status === 'queued' && (edited || !kept)) ready.push(task);
      if (task.status === 'scheduled') await this.#queue.sendNow({ name: task.id, send: () => this.#delay(task) });
    }
    const [first, second] = ready;
    if (first) await this.#queue.sendNow({ name: second ? 'a batch' : first.id, send: () => this.#offer(ready) });
  }

  /** Puts tokens of ready tasks into their work queues, and wakes the processes that wait. */
  async #offer(tasks: readonly Task[]): Promise<void> {
    const now = this.#options.clock();
    await Promise.all(
      tasks.map((task) => {
        // Only a queued task can expire. The next date of a scheduled one is the end of its delay, which is over.
        const ttl = task.status === 'queued' ? nextDue(task) : undefined;
        const left = ttl === undefined ? undefined : Math.max(1, ttl - now);
        return this.#send(tokenMessage(this.#names, this.#log.newId(), submissionOf(task), 0, left));
      }),
    );
    await this.#log.note({ roles: [...new Set(tasks.map((task) => task.envelope.to))] });
  }

  async #delay(task: Task & { readonly status: 'scheduled' }): Promise<void> {
    const delay = task.due_at - this.#options.clock();
    // Longer than the broker can keep it: agentq's workers check the time, and offer it when it is due.
    if (Math.ceil(delay / 1_000) > LONGEST_DELAY) return;
    if (delay <= 0) return this.#offer([task]);
    await this.#send(tokenMessage(this.#names, this.#log.newId(), submissionOf(task), delay));
  }

  /** Puts a token that arrived too early back into the delay. */
  async postpone(task: Task): Promise<void> {
    if (task.status === 'scheduled') await this.#delay(task);
  }

  /** Sends the messages of a task that has ended, the dead letter first. */
  async announce(task: Task, ending: string): Promise<void> {
    await Promise.all([isDead(task) ? this.#deadLetter(task) : undefined, this.#tell(task, ending)]);
  }

  async #tell(task: Task, ending: string): Promise<void> {
    const { resultMessage } = await import('../../../../core/result/result-message.ts');
    const { reply_to } = task.envelope;
    const message = resultMessage(task, (path) => this.#refOf(path));
    // A third-party worker has sent its message itself.
    if (!message || isForeignEnding(ending)) return this.#noteAnnounced(task, ending);
    const publication = announcement(this.#names, this.#log.newId(), this.#options.clock(), reply_to, message, ending);
    try {
      await this.#sendOrDeclare(publication, reply_to);
    } catch (error) {
      // If a queue may not be declared by this user, or exists with other arguments, agentq cannot correct it.
      if (!(error instanceof AgentqError) || (error.code !== 'denied' && error.code !== 'topology')) throw error;
      this.#options.say(`the result message of ${task.id} cannot be sent: ${error.message}`);
      await this.#noteAnnounced(task, ending);
    }
  }

  /** Under the key of the task's role. If the user may not write it, other processes do. */
  async #noteAnnounced({ envelope }: Task, ending: string): Promise<void> {
    try {
      await this.#log.note({ announced: ending }, { role: envelope.to });
    } catch (error) {
      if (!isDenied(error)) throw error;
    }
  }

  /** A path without a reference must not prevent the message. */
  #refOf(path: string): string {
    try {
      return this.#options.refOf(path);
    } catch {
      return path;
    }
  }

  async #sendOrDeclare(publication: Publication, replyTo: string): Promise<void> {
    if (await this.#send(publication)) return;
    const { replicated } = this.#options;
    const nothing = { exchanges: [], queues: [], bindings: [] };
    await declare(this.#client, { ...nothing, ...resultsOf(replyTo, { names: this.#names, replicated }) });
    await this.#send(publication);
  }

  #deadLetter(task: Task & { readonly status: 'failed' | 'expired' }): Promise<void> {
    const reason = task.status === 'failed' ? task.reason : 'its TTL passed before it was started';
    return this.sendDeadLetter(task.id, task.envelope.to, Buffer.from(JSON.stringify(task.envelope)), reason, {
      'agentq-status': task.status,
      'agentq-attempts': task.attempts.length,
    });
  }

  /** Puts a message into the queue of dead letters, with the reason in its headers. */
  async sendDeadLetter(
    id: string,
    role: string,
    content: Buffer,
    reason: string,
    more: Readonly<Record<string, string | number>> = {},
  ): Promise<void> {
    const headers = { 'agentq-task-id': id, 'agentq-role': role, 'agentq-reason': reason.slice(0, 8_000), ...more };
    await this.#send(deadMessage(this.#names, this.#log.newId(), role, content, headers));
  }

  /**
   * Removes messages from the queue of dead letters if their task is no longer a dead letter, also if another process
   * has sent them.
   */
  async removeRevived(): Promise<void> {
    await this.settled();
    await this.#removeRevived();
  }

  readonly #removeRevived = async (): Promise<void> => {
    const { scanQueue } = await import('./scan-queue.ts');
    await scanQueue(this.#client, this.#names.deadLetters, () => ({ headers }) => {
      const id = headers['agentq-task-id'];
      if (typeof id !== 'string') return 'leave';
      const task = findRow(this.#cache.db, id)?.task;
      const holds = task ? isDead(task) : findPruned(this.#cache.db, id) === undefined;
      return holds ? 'leave' : 'take';
    });
  };

  /**
   * Sends overdue messages.
   * @param role the role whose tasks to check; undefined for all
   */
  async tidy(role?: string): Promise<void> {
    await this.settled();
    const now = this.#options.clock();
    this.#cache.prune(now);
    await Promise.all(
      overdue(this.#cache.db, now, role).map(async ({ task, ending }) => {
        await this.announce(task, ending);
        // If the log is not bound to the queue, it did not get the message.
        await this.#noteAnnounced(task, ending);
      }),
    );
  }

  /** Waits for the messages of tasks that have just ended: the processes that ended them are sending those. */
  async arrived(replyTo: string): Promise<void> {
    const now = this.#options.clock();
    let underway = justEnded(this.#cache.db, now).filter(
      ({ task, ending }) => task.envelope.reply_to === replyTo && !isForeignEnding(ending),
    );
    for (const end = monotonic() + OVERDUE; underway.length > 0 && monotonic() < end; await pause(LOOK_AGAIN)) {
      underway = underway.filter(({ ending }) =>
        this.#cache.db.get('SELECT 1 FROM ending WHERE id = ? AND announced = 0', ending),
      );
    }
  }

  /**
   * A message that no queue accepts is not sent. This is harmless: the log records that a token or a message is due.
   * @returns whether a queue has accepted it
   */
  async #send(publication: Publication): Promise<boolean> {
    try {
      await this.#client.withConnection(async (connection) => connection.publish(publication));
      return true;
    } catch (error) {
      if (error instanceof Unroutable) return false;
      throw error;
    }
  }
}
