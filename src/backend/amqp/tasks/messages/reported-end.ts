import { isFinished, type Task } from '../../../../core/task/task.ts';
import { findPruned } from '../../../projection/pruned.ts';
import { type StoredRow, toRow } from '../../../projection/rows.ts';
import type { Cache } from '../../cache/cache.ts';
import { isEndedBy } from '../../wire/entry-id.ts';
import type { Waiting } from './scan-queue.ts';

/**
 * The task whose end a result message reports; undefined if that end is not in effect. `unknown`: the log has dropped
 * the task, or the message is third-party.
 */
export function reportedEnd({ db }: Cache, { message, announces, digest }: Waiting): Task | 'unknown' | undefined {
  if (!message) return 'unknown';
  const known = db.get<StoredRow & { ending: string | null }>(
    'SELECT n, state, ending.id AS ending FROM tasks LEFT JOIN ending ON ending.task = tasks.n WHERE tasks.id = ?',
    message.task_id,
  );
  if (!known) return findPruned(db, message.task_id) ? undefined : 'unknown';
  const { task } = toRow(known);
  // The log has dropped the end of a dead letter, and an older agentq repeated the task without it.
  if (known.ending === null && isFinished(task)) return task.status === message.status ? task : 'unknown';
  const stands =
    announces === undefined ? known.ending !== null && isEndedBy(known.ending, digest) : known.ending === announces;
  return stands ? task : undefined;
}
