import type { CommandOf, CommandType } from './command.ts';
import type { Refusal } from '../../errors.ts';
import type { BareEvent } from '../event.ts';
import type { Task } from '../task.ts';

/** Clock and randomness, given by the caller. */
export interface Circumstances {
  /** ms since 1970. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** How often the store was restored from a backup. Absent means never. */
  readonly epoch?: number;
  /** Why a budget allows no further attempt of a task; undefined if it does. Absent means no budget. */
  readonly usedUp?: (task: Task) => { readonly reason: string } | undefined;
}

/** The decision on one command: the events that it causes, or why it is refused. */
export interface Verdict {
  readonly events: readonly BareEvent[];
  readonly refusal?: Refusal;
}

/** How one type of command is decided on a task to which the events of time have been applied. */
export type Rule<T extends CommandType> = (task: Task, command: CommandOf<T>, given: Circumstances) => Verdict;

/** Nothing changes. */
export const nothing: Verdict = { events: [] };
export const happened = (event: BareEvent): Verdict => ({ events: [event] });
export const refused = (refusal: Refusal): Verdict => ({ events: [], refusal });
export const refuse = (code: Refusal['code'], message: string, hint?: string): Verdict =>
  refused({ code, message, ...(hint !== undefined && { hint }) });
