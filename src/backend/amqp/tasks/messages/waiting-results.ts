import { isFinished, type Task } from '../../../../core/task/task.ts';
import type { Cache } from '../../cache/cache.ts';
import { monotonic } from '../../connection/monotonic.ts';
import type { ReconnectingClient } from '../../connection/reconnecting-client.ts';
import { reportedEnd } from './reported-end.ts';
import { scanQueue } from './scan-queue.ts';

/** How many messages of a queue are read. Other readers wait meanwhile, and the broker keeps them in memory. */
const MOST = 10_000;

/**
 * The ended tasks whose result messages wait in a queue, by its oldest 10,000 messages. The messages stay in the queue,
 * and nothing is written to the log.
 * @param longest how long to read, in ms
 */
export async function tasksWaitingIn(
  client: ReconnectingClient,
  cache: Cache,
  queue: string,
  longest = Infinity,
): Promise<readonly Task[]> {
  let tasks = new Map<string, Task>();
  await scanQueue(client, queue, () => {
    tasks = new Map();
    let read = 0;
    let end = Infinity;
    return (waiting) => {
      if (read === 0) end = monotonic() + longest;
      if (++read > MOST || monotonic() >= end) return 'stop';
      const task = reportedEnd(cache, waiting);
      if (task && task !== 'unknown' && isFinished(task)) tasks.set(task.id, task);
      return 'leave';
    };
  });
  return [...tasks.values()];
}
