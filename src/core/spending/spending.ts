import type { Evolved, Subject } from '../thing.ts';

/** An amount in millionths of a US dollar, and a number of tokens. */
export interface Amount {
  readonly micro_usd: number;
  readonly tokens: number;
}

/** What the attempts of a scope have cost: in total, and on its last day, a date in UTC such as `2027-03-01`. */
export interface Spending extends Amount {
  readonly day: Amount & { readonly date: string };
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

/** A report with an earlier date than the last one, by a clock that is behind, counts for the later day. */
export function evolveSpending(state: Spending | undefined, { at, micro_usd, tokens }: Spent): Evolved<Spending> {
  const more = { micro_usd, tokens };
  const date = dateOf(at);
  const day = state && state.day.date >= date ? { ...sum(state.day, more), date: state.day.date } : { ...more, date };
  return { state: { ...sum(state ?? { micro_usd: 0, tokens: 0 }, more), day } };
}

const sum = (a: Amount, b: Amount): Amount => ({
  micro_usd: a.micro_usd + b.micro_usd,
  tokens: a.tokens + b.tokens,
});
