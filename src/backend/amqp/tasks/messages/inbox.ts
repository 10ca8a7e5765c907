import type { Task } from '../../../../core/task/task.ts';
import type { Taken } from '../../../backend.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Log } from '../../log/log.ts';
import type { Names } from '../../wire/names.ts';
import { scanQueue, type Waiting } from './scan-queue.ts';
import { reportedEnd } from './reported-end.ts';
import { digestMark } from '../../wire/entry-id.ts';
import type { UnackedMessages } from '../../connection/unacked-messages.ts';
import type { ReconnectingClient } from '../../connection/reconnecting-client.ts';

export interface InboxParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly log: Log;
  readonly cache: Cache;
}

/**
 * The result messages that wait in a queue, each with the state of its task. Messages that are no longer true, because
 * the task was taken back or pruned meanwhile, are removed. Messages of third-party workers that wrote only to the queue are
 * first added to the log.
 */
export class Inbox {
  readonly #parts: InboxParts;

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  async look(replyTo: string, limit: number): Promise<readonly Task[]> {
    return (await collect(this.#parts, replyTo, limit, 'leave')).tasks;
  }

  /** The ids of the tasks of its oldest messages. Removes and adds nothing. */
  async ids(replyTo: string): Promise<ReadonlySet<string>> {
    const { client, cache, names } = this.#parts;
    const { tasksWaitingIn } = await import('./waiting-results.ts');
    return new Set((await tasksWaitingIn(client, cache, names.results(replyTo))).map(({ id }) => id));
  }

  /** Same as `look`, and hides them from other readers as long as this connection lives. */
  async take(replyTo: string, limit: number): Promise<Taken> {
    const { client } = this.#parts;
    const { tasks, copies, unacked, queue } = await collect(this.#parts, replyTo, limit, 'hold');
    let done = tasks.length === 0;
    return {
      tasks,
      async acknowledge() {
        if (done) return;
        // If the connection was lost meanwhile, the messages are in their queue again.
        if (!(await unacked.ack(client))) await takeOut(client, queue, copies);
        done = true;
      },
      async release() {
        if (!done) await unacked.requeue(client);
        done = true;
      },
    };
  }
}

interface Collected {
  readonly queue: string;
  readonly tasks: readonly Task[];
  /** How many copies of each message the queue holds, by id: a message without a confirm may be there twice. */
  readonly copies: ReadonlyMap<string, number>;
  readonly unacked: UnackedMessages;
}

async function collect(parts: InboxParts, replyTo: string, limit: number, found: 'leave' | 'hold'): Promise<Collected> {
  const queue = parts.names.results(replyTo);
  let tasks = new Map<string, Task>();
  let copies = new Map<string, number>();
  const unacked = await scanQueue(parts.client, queue, () => {
    tasks = new Map();
    copies = new Map();
    return async (waiting) => {
      if (tasks.size >= limit) return 'stop';
      const task = await trueTask(parts, waiting);
      if (!task) return 'take';
      // Its task may have fallen out of the log, or the message may be third-party: agentq must not delete it.
      if (task === 'unknown') return 'leave';
      copies.set(waiting.id, (copies.get(waiting.id) ?? 0) + 1);
      tasks.set(task.id, task);
      return found;
    };
  });
  return { queue, tasks: [...tasks.values()], copies, unacked };
}

async function takeOut(client: ReconnectingClient, queue: string, copies: ReadonlyMap<string, number>): Promise<void> {
  await scanQueue(client, queue, () => {
    const left = new Map(copies);
    return ({ id }) => {
      if (left.size === 0) return 'stop';
      const count = left.get(id);
      if (count === undefined) return 'leave';
      if (count > 1) left.set(id, count - 1);
      else left.delete(id);
      return 'take';
    };
  });
}

/** Adds a message that a third-party worker wrote only to the queue to the log. @returns as {@link reportedEnd} */
async function trueTask({ cache, log }: InboxParts, waiting: Waiting): Promise<ReturnType<typeof reportedEnd>> {
  const { message, announces, content, digest } = waiting;
  const isNew = announces === undefined && cache.outcome(digestMark(digest)) === undefined;
  if (message && isNew) await log.tell(content);
  return reportedEnd(cache, waiting);
}
