import { isFinished, type Task } from '../../../core/task/task.ts';
import type { Cache } from '../cache/cache.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { reportedEnd } from './reported-end.ts';
import { scanQueue } from './scan-queue.ts';

/** How many messages of a queue are read: the oldest ones. */
const MOST = 10_000;

/** The ended tasks whose result messages wait in a queue. The messages stay in the queue. */
export async function tasksWaitingIn(
  client: ReconnectingClient,
  cache: Cache,
  queue: string,
): Promise<readonly Task[]> {
  let tasks = new Map<string, Task>();
  await scanQueue(client, queue, () => {
    tasks = new Map();
    let read = 0;
    return (waiting) => {
      if (++read > MOST) return 'stop';
      const task = reportedEnd(cache, waiting);
      if (task && task !== 'unknown' && isFinished(task)) tasks.set(task.id, task);
      return 'leave';
    };
  });
  return [...tasks.values()];
}
