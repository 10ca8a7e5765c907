import type { Event } from '../../core/task/event.ts';
import type { Status } from '../../core/task/task.ts';
import type { ConfirmedCompletion, Ledger } from './ledger.ts';

export interface Verdict {
  readonly tasks: number;
  readonly completed: number;
  /** How many of the tasks were pruned, if any were. */
  readonly pruned?: number;
  /** Tasks whose submit was confirmed and that are not in the log, or did not end; completions and cancels likewise. */
  readonly lost: readonly string[];
  readonly completedTwice: readonly string[];
  /** Changes by an attempt whose lease had already ended. */
  readonly staleAccepted: readonly string[];
}

/**
 * Reads the log directly and checks it with its own rules. It does not use the state machine, because it tests the
 * state machine.
 * @param histories the events of every task in log order, by task id
 * @param pruned the last status of the tasks that were pruned: only finished ones may be
 */
export function judge(
  histories: ReadonlyMap<string, readonly Event[]>,
  ledger: Ledger,
  pruned: ReadonlyMap<string, Status> = new Map(),
): Verdict {
  const lost = [...ledger.submitted].filter((id) => !pruned.has(id) && !histories.get(id)?.some(isEnd));
  const completedTwice: string[] = [];
  const staleAccepted: string[] = [];
  let completed = [...pruned.values()].filter((status) => status === 'completed').length;
  for (const [id, events] of histories) {
    const completions = events.filter((event) => event.type === 'completed').length;
    if (completions > 0) completed++;
    if (completions > 1) completedTwice.push(id);
    if (hasStaleChange(events)) staleAccepted.push(id);
  }
  for (const confirmed of ledger.completed) {
    if (pruned.get(confirmed.id) === 'completed') continue;
    const events = histories.get(confirmed.id) ?? [];
    if (!events.some((event) => isThatCompletion(event, confirmed))) lost.push(`${confirmed.id} (its completion)`);
  }
  for (const id of ledger.cancelled)
    if (pruned.get(id) !== 'cancelled' && !histories.get(id)?.some(({ type }) => type === 'cancelled'))
      lost.push(`${id} (its cancel)`);
  return {
    tasks: histories.size + pruned.size,
    completed,
    ...(pruned.size > 0 && { pruned: pruned.size }),
    lost,
    completedTwice,
    staleAccepted,
  };
}

const isEnd = (event: Event) =>
  event.type === 'completed' ||
  event.type === 'expired' ||
  (event.type === 'lease-expired' && event.final) ||
  (event.type === 'attempt-failed' && event.retry_at === null) ||
  event.type === 'cancelled';

function isThatCompletion(event: Event, { attempt, summary }: ConfirmedCompletion): boolean {
  return event.type === 'completed' && event.attempt === attempt && event.summary === summary;
}

/** Whether an attempt changed the task at a time when it did not hold it. */
function hasStaleChange(events: readonly Event[]): boolean {
  let holder: { attempt: number; until: number } | undefined;
  let latest = 0;
  for (const event of events) {
    switch (event.type) {
      case 'claimed':
        if (holder || event.attempt !== latest + 1) return true;
        latest = event.attempt;
        holder = { attempt: latest, until: event.expires_at };
        break;
      case 'renewed':
        if (event.attempt !== holder?.attempt || event.at >= holder.until) return true;
        holder = { ...holder, until: event.expires_at };
        break;
      case 'completed':
      case 'attempt-failed':
      case 'released':
        if (event.attempt !== holder?.attempt || event.at >= holder.until) return true;
        holder = undefined;
        break;
      case 'lease-expired':
        if (event.attempt !== holder?.attempt || event.at < holder.until) return true;
        holder = undefined;
        break;
      case 'cancelled':
        holder = undefined;
        break;
      default:
        break;
    }
  }
  return false;
}
