import type { Refusal } from '../../errors.ts';
import type { Command } from './command.ts';
import type { Event, EventOf } from '../event.ts';
import { evolve } from '../fold/evolve.ts';
import type { Task } from '../task.ts';

/**
 * What stays known of a task that was pruned, so that a repeated submit of its id makes no second task. All times in ms
 * since 1970.
 */
export interface Pruned {
  readonly id: string;
  /** Its last status. */
  readonly status: EventOf<'pruned'>['status'];
  readonly pruned_at: number;
  /** From this time on, its id is free again. */
  readonly known_until: number;
}

/** What the log knows of a task id: the task, or that it was pruned. */
export type KnownTask = Task | Pruned;

export const isPruned = (known: KnownTask): known is Pruned => 'pruned_at' in known;

/** The task itself; undefined if it was pruned or does not exist. */
export function presentTask(known: KnownTask | undefined): Task | undefined {
  return known && !isPruned(known) ? known : undefined;
}

/** Folds one event, like `evolve`, and remembers a pruned task. */
export function evolveKnown(
  before: KnownTask | undefined,
  event: Event,
): { readonly state: KnownTask | undefined; readonly refused?: string } {
  const known = prunedAt(before, event.at);
  if (known) return { state: known, refused: 'it was pruned' };
  const { task, refused } = evolve(presentTask(before), event);
  if (refused !== undefined) return { state: before, refused };
  if (event.type !== 'pruned') return { state: task };
  const { task_id, status, at, known_until } = event;
  return { state: { id: task_id, status, pruned_at: at, known_until } };
}

/** The record of a pruned task; undefined for a task, and from the time on at which its id is free again. */
export function prunedAt(known: KnownTask | undefined, now: number): Pruned | undefined {
  return known && isPruned(known) && now < known.known_until ? known : undefined;
}

/** One line about a pruned task, for people. */
export function describePruned({ id, status, pruned_at }: Pruned): string {
  return `${id} (${status}) was pruned on ${day(pruned_at)}`;
}

/** Why a command on a pruned task is refused. */
export function refusalOfPruned(pruned: Pruned, command: Command): Refusal {
  const message = describePruned(pruned);
  if (command.type !== 'submit') return { code: 'not-found', message };
  const what = command.envelope.idempotency_key === undefined ? 'id' : 'idempotency key';
  const hint = `use another ${what} for another task; this one is known until ${day(pruned.known_until)}`;
  return { code: 'conflict', message, hint };
}

const day = (at: number) => new Date(at).toISOString().slice(0, 10);
