import { isFinished, type Task } from '../../../core/task/task.ts';
import type { Cache } from '../cache/cache.ts';
import { monotonic } from '../connection/monotonic.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { reportedEnd } from './reported-end.ts';
import { scanQueue } from './scan-queue.ts';

/** How many messages of a queue are read, and for how long, in ms: the oldest ones. Other readers wait meanwhile. */
const MOST = 10_000;
const LONGEST = 1_000;

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
    let end = Infinity;
    return (waiting) => {
      if (read === 0) end = monotonic() + LONGEST;
      if (++read > MOST || monotonic() >= end) return 'stop';
      const task = reportedEnd(cache, waiting);
      if (task && task !== 'unknown' && isFinished(task)) tasks.set(task.id, task);
      return 'leave';
    };
  });
  return [...tasks.values()];
}
