import { isFinished, type Task } from '../../core/task.ts';
import type { Inbox } from '../backend.ts';
import { findRow } from '../projection/rows.ts';
import type { AmqpParts } from './amqp-backend.ts';
import { browse, type Waiting } from './browse.ts';

/**
 * The result messages that wait in a queue, each as its task is. Those that are no longer true, because the task was
 * taken back meanwhile, are taken out; those of workers that are not ours, and wrote to the queue alone, are told to
 * the log first.
 */
export async function readInbox(parts: AmqpParts, replyTo: string, limit: number): Promise<Inbox> {
  const { link, names } = parts;
  const queue = names.results(replyTo);
  const found = new Map<string, Task>();
  const read = new Set<string>();
  await browse(link, queue, async (waiting) => {
    if (found.size >= limit) return 'stop';
    const task = await trueTask(parts, waiting);
    if (!task) return 'take';
    read.add(waiting.id);
    found.set(task.id, task);
    return 'leave';
  });
  return {
    tasks: [...found.values()],
    async acknowledge() {
      await browse(link, queue, ({ id }) => {
        if (read.size === 0) return 'stop';
        return read.delete(id) ? 'take' : 'leave';
      });
    },
  };
}

/** The task whose end the message tells of; undefined where it tells of no end that stands. */
async function trueTask(parts: AmqpParts, { message, announces }: Waiting): Promise<Task | undefined> {
  if (!message) return undefined;
  const { cache } = parts;
  const ending = () =>
    cache.db.get<{ entry: string }>(
      'SELECT entry FROM ending JOIN task ON task.n = ending.task WHERE task.id = ?',
      message.task_id,
    )?.entry;
  const find = () => findRow(cache.db, message.task_id)?.task;
  if (announces !== undefined) return announces === ending() ? find() : undefined;
  const task = find();
  if (!task || isFinished(task)) return task;
  await parts.log.tell(message);
  const after = find();
  return after && isFinished(after) ? after : undefined;
}
