import type { Evidence } from '../evidence/evidence.ts';
import type { Task } from './task.ts';

/** A report that no process of an attempt is left, with its log if it is kept. */
interface Report {
  readonly attempt: number;
  readonly artifacts?: readonly Evidence[] | undefined;
}

/**
 * What such a report changes. `cancel`: the attempt was cancelled, and is now known to have stopped. `log`: the attempt
 * ended without its log, mostly because its worker was killed, and gets it. Undefined if it changes nothing.
 */
export function stopping(task: Task, { attempt: number, artifacts = [] }: Report): 'cancel' | 'log' | undefined {
  const attempt = task.attempts.find((one) => one.number === number);
  const isLast = attempt !== undefined && attempt === task.attempts.at(-1);
  if (task.status === 'cancelled' && isLast && attempt.outcome === 'cancelled' && task.stopped_at === undefined)
    return 'cancel';
  switch (attempt?.outcome) {
    case 'cancelled':
    case 'lease-expired':
    case 'released':
    case 'deferred':
      return artifacts.length > 0 && attempt.artifacts === undefined ? 'log' : undefined;
    default:
      // The others record their files when they end.
      return undefined;
  }
}
