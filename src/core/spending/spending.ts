import type { Evolved, Subject } from '../thing.ts';

/** An amount in millionths of a US dollar, and a number of tokens. */
export interface Amount {
  readonly micro_usd: number;
  readonly tokens: number;
}

/** What the reports of a day add up to, in millionths of a US dollar. The date is in UTC, such as `2027-03-01`. */
export interface Day {
  readonly date: string;
  readonly micro_usd: number;
}

/** What the attempts of a scope have cost: in total, and by day. */
export interface Spending extends Amount {
  /** The days of the latest reports, that of the last report at the end. */
  readonly days: readonly Day[];
}

/** The reported cost of a task has grown. Negative after a report that corrects an earlier one to less. */
export interface Spent extends Amount {
  readonly v: 2;
  readonly type: 'spent';
  readonly about: Subject;
  readonly at: number;
  /** The task, which is stopped if this was too much. */
  readonly task: string;
}

/** The date of a moment in UTC. @param at ms since 1970 */
export const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

/**
 * How many days are kept. Only the present day counts, but clocks may differ, and a wrong date must not replace it.
 */
const DAYS = 7;

/**
 * A report counts for its own date, so a wrong date affects no other day. A day is not reduced below 0: a correction
 * may be about what was reported the day before.
 */
export function evolveSpending(state: Spending | undefined, { at, micro_usd, tokens }: Spent): Evolved<Spending> {
  const { days, ...total } = state ?? { micro_usd: 0, tokens: 0, days: [] };
  const date = dateOf(at);
  const day = { date, micro_usd: Math.max(0, spentOn(state, date) + micro_usd) };
  return {
    state: {
      micro_usd: total.micro_usd + micro_usd,
      tokens: total.tokens + tokens,
      days: [...days.filter((one) => one.date !== date), day].slice(-DAYS),
    },
  };
}

/** What was spent on a date, in millionths of a US dollar. */
export function spentOn(spending: Spending | undefined, date: string): number {
  return spending?.days.find((day) => day.date === date)?.micro_usd ?? 0;
}
