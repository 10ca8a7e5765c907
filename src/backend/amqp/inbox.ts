import type { Task } from '../../core/task.ts';
import type { Inbox } from '../backend.ts';
import { type Stored, toRow } from '../projection/rows.ts';
import type { LogParts } from './log-backend.ts';
import { browse, type Waiting } from './browse.ts';
import { foreignEntry, heard } from './entry-id.ts';

/**
 * The result messages that wait in a queue, each as its task is. Those that are no longer true, because the task was
 * taken back meanwhile, are taken out; those of workers that are not ours, and wrote to the queue alone, are told to
 * the log first.
 */
export async function readInbox(parts: LogParts, replyTo: string, limit: number): Promise<Inbox> {
  const { link, names } = parts;
  const queue = names.results(replyTo);
  const found = new Map<string, Task>();
  // By id: a message that was confirmed to nobody may lie there twice.
  const read = new Map<string, number>();
  await browse(link, queue, async (waiting) => {
    if (found.size >= limit) return 'stop';
    const task = await trueTask(parts, waiting);
    if (!task) return 'take';
    // It may be of a task that has fallen out of the log, or of no agentq at all: it is not ours to throw away.
    if (task === 'unknown') return 'leave';
    read.set(waiting.id, (read.get(waiting.id) ?? 0) + 1);
    found.set(task.id, task);
    return 'leave';
  });
  return {
    tasks: [...found.values()],
    async acknowledge() {
      await browse(link, queue, ({ id }) => {
        if (read.size === 0) return 'stop';
        const copies = read.get(id);
        if (copies === undefined) return 'leave';
        if (copies > 1) read.set(id, copies - 1);
        else read.delete(id);
        return 'take';
      });
    },
  };
}

/** The task whose end the message tells of; undefined where it tells of no end that stands. */
async function trueTask(
  parts: LogParts,
  { message, announces, content, digest }: Waiting,
): Promise<Task | 'unknown' | undefined> {
  if (!message) return 'unknown';
  const { cache, log } = parts;
  if (announces === undefined && cache.outcome(heard(digest)) === undefined) await log.tell(content);
  const known = cache.db.get<Stored & { ending: string | null }>(
    'SELECT n, state, ending.id AS ending FROM task LEFT JOIN ending ON ending.task = task.n WHERE task.id = ?',
    message.task_id,
  );
  if (!known) return 'unknown';
  const stands =
    announces === undefined ? known.ending?.endsWith(foreignEntry('', digest)) : known.ending === announces;
  return stands ? toRow(known).task : undefined;
}
