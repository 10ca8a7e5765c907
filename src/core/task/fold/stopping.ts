import { type Cost, raisedCost } from '../../cost.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import type { Attempt, Completion, Task } from '../task.ts';

/** A report that an attempt is over, with what its end did not record. */
interface Report {
  readonly attempt: number;
  /** Its log. */
  readonly artifacts?: readonly Evidence[] | undefined;
  readonly cost?: Cost | undefined;
}

/**
 * What such a report changes. `cancel`: the attempt was cancelled, and is now known to have stopped. `late`: the attempt
 * ended without its log or its last cost, because its worker was killed or its program ended it by itself, and gets
 * them; a cost that is lower than the recorded one is ignored. Undefined if it changes nothing.
 */
export function stopping(task: Task, report: Report): 'cancel' | 'late' | undefined {
  const attempt = task.attempts.find(({ number }) => number === report.attempt);
  const isLast = attempt !== undefined && attempt === task.attempts.at(-1);
  if (task.status === 'cancelled' && isLast && attempt.outcome === 'cancelled' && task.stopped_at === undefined)
    return 'cancel';
  if (attempt?.outcome === undefined) return undefined;
  const cost = raisedCost(attempt.cost, report.cost);
  const isDearer = cost?.usd !== attempt.cost?.usd || cost?.tokens !== attempt.cost?.tokens;
  return isDearer || takesLog(task, attempt, report) ? 'late' : undefined;
}

/** Whether the log in the report is the first one of the attempt. */
export function takesLog(task: Task, attempt: Attempt, { artifacts = [] }: Report): boolean {
  if (attempt.outcome === undefined || attempt.artifacts !== undefined || artifacts.length === 0) return false;
  const completion = completionsOf(task).find((one) => one.attempt === attempt.number);
  return !completion?.artifacts.some(({ name }) => name === 'log');
}

function completionsOf(task: Task): readonly Completion[] {
  const former = (task.redone ?? []).map(({ completion }) => completion);
  return task.status === 'completed' ? [...former, task.completion] : former;
}
