import { setTimeout as pause } from 'node:timers/promises';
import { AgentqError } from '../../../core/errors.ts';
import { nextDue } from '../../../core/task/due.ts';
import { isDead, isFinished, type Task } from '../../../core/task/task.ts';
import { findRow } from '../../projection/rows.ts';
import { isDenied, Unroutable } from '../connection/broker-error.ts';
import type { Cache } from '../cache/cache.ts';
import { declare } from '../topology/declare.ts';
import { justEnded, OVERDUE, overdue } from '../cache/endings.ts';
import { endingOf, isForeign } from '../wire/entry-id.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Log } from '../log/log.ts';
import { announcement, deadMessage, submissionOf, tokenMessage } from '../wire/encode.ts';
import { monotonic } from '../connection/monotonic.ts';
import { LONGEST_DELAY, type Names } from '../wire/names.ts';
import type { Publication } from '../wire/publication.ts';
import { resultsOf } from '../topology/topology.ts';

/** How many messages may be on their way to the broker before the next one waits. */
const MOST_UNCONFIRMED = 100;

/** How often to look whether a message has arrived, in ms. */
const LOOK_AGAIN = 10;

export interface RelayOptions {
  readonly clock: () => number;
  readonly refOf: (path: string) => string;
  readonly replicated: boolean;
  readonly say: (line: string) => void;
}

/**
 * Brings messages where the log says that they belong: tokens into work queues and delays, result messages to those
 * who wait for them, dead letters into their queue. Each is sent once its event is known to have taken effect; what
 * a process that was killed in between has not sent, others send.
 */
export class MessageRelay {
  readonly #client: ReconnectingClient;
  readonly #log: Log;
  readonly #cache: Cache;
  readonly #names: Names;
  readonly #options: RelayOptions;
  /** What is sent while others go on: one after the other, in the order in which tasks ended. */
  #underway: Promise<void> = Promise.resolve();
  /** Of that, what is sent and not confirmed yet. */
  readonly #unconfirmed = new Set<Promise<void>>();
  /** The queues that a message has reached. */
  readonly #writtenTo = new Set<string>();
  /** Whether dead letters are to be withdrawn as part of that. */
  #removing = false;

  constructor(client: ReconnectingClient, log: Log, cache: Cache, names: Names, options: RelayOptions) {
    this.#client = client;
    this.#log = log;
    this.#cache = cache;
    this.#names = names;
    this.#options = options;
  }

  /**
   * What follows from a change. That a task has ended is told while others go on: {@link settled} waits for that.
   * @param entry the id of the entry that made it
   * @param hasToken whether the entry itself went into the work queue, or the delay
   */
  async after(before: Task | undefined, task: Task, entry: string, hasToken: boolean): Promise<void> {
    const moved = before?.status !== task.status || before.attempts.length !== task.attempts.length;
    if (moved && isFinished(task))
      this.#meanwhile(task.id, () => this.#announceInOrder(task, endingOf(task.id, entry)));
    else if (moved) await this.#later(task.id, () => this.#sendToken(before, task, hasToken));
    if (!before || !isDead(before) || isDead(task) || this.#removing) return;
    // Once for all that come back before it begins: each time it looks at every dead letter.
    this.#removing = true;
    this.#meanwhile(task.id, () => this.#removeRevived());
  }

  #meanwhile(what: string, send: () => Promise<void>): void {
    this.#underway = this.#underway.then(() => this.#quietly(what, send));
  }

  /** Where nobody waits who could be told of a fault of ours otherwise. */
  async #quietly(what: string, send: () => Promise<void>): Promise<void> {
    try {
      await this.#later(what, send);
    } catch (error) {
      this.#options.say(`${what}: its messages could not be sent: ${String(error)}`);
    }
  }

  /** Resolves when everything is sent that is to be sent. */
  async settled(): Promise<void> {
    await this.#underway;
    await Promise.all(this.#unconfirmed);
  }

  /**
   * Many may end at once, and a broker may take long to confirm: only who is first to write to a queue, which may have
   * to be made, is waited for before the next is sent.
   */
  async #announceInOrder(task: Task, ending: string): Promise<void> {
    const { reply_to } = task.envelope;
    const sending = this.#quietly(task.id, () => this.announce(task, ending));
    if (!this.#writtenTo.has(reply_to) || this.#unconfirmed.size >= MOST_UNCONFIRMED) {
      await sending;
      this.#writtenTo.add(reply_to);
      return;
    }
    this.#unconfirmed.add(sending);
    void sending.finally(() => this.#unconfirmed.delete(sending));
  }

  /** What has happened has happened: that its messages could not be sent is no failure of who has brought it about. */
  async #later(what: string, send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!(error instanceof AgentqError)) throw error;
      this.#options.say(`${what}: it has happened, and its messages follow: ${error.message}`);
    }
  }

  async #sendToken(before: Task | undefined, task: Task, hasToken: boolean): Promise<void> {
    if (hasToken || task.status === 'working') return;
    // The token of a delay that is over comes out of the delay by itself.
    const kept = before?.status === 'scheduled' && before.due_at - before.updated_at <= LONGEST_DELAY * 1_000;
    if (task.status === 'queued' && !kept) await this.#offer([task]);
    if (task.status === 'scheduled') await this.#delay(task);
  }

  /** Puts tokens of ready tasks into their work queues, and tells those who wait. */
  async offer(tasks: readonly Task[]): Promise<void> {
    await this.#later('a batch', () => this.#offer(tasks));
  }

  async #offer(tasks: readonly Task[]): Promise<void> {
    const now = this.#options.clock();
    await Promise.all(
      tasks.map((task) => {
        const ttl = nextDue(task);
        const left = ttl === undefined ? undefined : Math.max(1, ttl - now);
        return this.#send(tokenMessage(this.#names, this.#log.newId(), submissionOf(task), 0, left));
      }),
    );
    await this.#log.note({ roles: [...new Set(tasks.map((task) => task.envelope.to))] });
  }

  async #delay(task: Task & { readonly status: 'scheduled' }): Promise<void> {
    const delay = task.due_at - this.#options.clock();
    // Longer than the broker can keep it: agentq's workers look at the clock, and offer it then.
    if (Math.ceil(delay / 1_000) > LONGEST_DELAY) return;
    if (delay <= 0) return this.#offer([task]);
    await this.#send(tokenMessage(this.#names, this.#log.newId(), submissionOf(task), delay));
  }

  /** Puts a token that came too early back into the delay. */
  async postpone(task: Task): Promise<void> {
    if (task.status === 'scheduled') await this.#delay(task);
  }

  /** Sends the messages of a task that has ended, the dead letter first. */
  async announce(task: Task, ending: string): Promise<void> {
    await Promise.all([isDead(task) ? this.#deadLetter(task) : undefined, this.#tell(task, ending)]);
  }

  async #tell(task: Task, ending: string): Promise<void> {
    const { resultMessage } = await import('../../../core/result/result-message.ts');
    const { reply_to } = task.envelope;
    const message = resultMessage(task, (path) => this.#refOf(path));
    // A worker that is not ours has sent its message itself.
    if (!message || isForeign(ending)) return this.#noteAnnounced(task, ending);
    const publication = announcement(this.#names, this.#log.newId(), this.#options.clock(), reply_to, message, ending);
    try {
      await this.#sendOrDeclare(publication, reply_to);
    } catch (error) {
      // A queue that we may not make, or that somebody has made otherwise, is not ours to put right.
      if (!(error instanceof AgentqError) || (error.code !== 'denied' && error.code !== 'topology')) throw error;
      this.#options.say(`the result message of ${task.id} cannot be sent: ${error.message}`);
      await this.#noteAnnounced(task, ending);
    }
  }

  /** Under the key of the task's role. A user who may not say so leaves it to others. */
  async #noteAnnounced({ envelope }: Task, ending: string): Promise<void> {
    try {
      await this.#log.note({ announced: ending }, { role: envelope.to });
    } catch (error) {
      if (!isDenied(error)) throw error;
    }
  }

  /** What can't be referred to must not keep the message from being sent. */
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
    const reason = task.status === 'failed' ? task.reason : 'its TTL passed before anybody started it';
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

  /** Takes what is no dead letter any more out of their queue, also what others have left there. */
  async removeRevived(): Promise<void> {
    await this.settled();
    await this.#removeRevived();
  }

  async #removeRevived(): Promise<void> {
    this.#removing = false;
    const { scanQueue } = await import('./scan-queue.ts');
    await scanQueue(this.#client, this.#names.deadLetters, () => ({ headers }) => {
      const id = headers['agentq-task-id'];
      const task = typeof id === 'string' ? findRow(this.#cache.db, id)?.task : undefined;
      return task && !isDead(task) ? 'take' : 'leave';
    });
  }

  /**
   * Sends what somebody should have sent and has not.
   * @param role the one whose tasks to look at; undefined for all
   */
  async tidy(role?: string): Promise<void> {
    await this.settled();
    const now = this.#options.clock();
    this.#cache.prune(now);
    await Promise.all(
      overdue(this.#cache, now, role).map(async ({ task, ending }) => {
        await this.announce(task, ending);
        // Where the log is not bound to the queue, it did not hear of it.
        await this.#noteAnnounced(task, ending);
      }),
    );
  }

  /** Waits for the messages of tasks that have ended just now: whoever ended them is sending those. */
  async arrived(replyTo: string): Promise<void> {
    const now = this.#options.clock();
    let underway = justEnded(this.#cache, now).filter(
      ({ task, ending }) => task.envelope.reply_to === replyTo && !isForeign(ending),
    );
    for (const end = monotonic() + OVERDUE; underway.length > 0 && monotonic() < end; await pause(LOOK_AGAIN)) {
      underway = underway.filter(({ ending }) =>
        this.#cache.db.get('SELECT 1 FROM ending WHERE id = ? AND announced = 0', ending),
      );
    }
  }

  /**
   * What no queue takes is not sent, and that is no harm: of a token and of a message the log remembers that they are
   * due.
   * @returns whether a queue has taken it
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
