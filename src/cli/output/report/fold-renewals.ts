import type { Event } from '../../../core/task/event.ts';

type Renewed = Extract<Event, { type: 'renewed' }>;

/** Renewals of one attempt with no other event between them: the last one, with what the earlier ones told. */
export type Renewals = Renewed & { readonly times: number };

/** Folds each row of renewals of an attempt into one, because a long attempt has hundreds. */
export function foldRenewals(events: readonly Event[]): (Exclude<Event, Renewed> | Renewals)[] {
  const folded: (Exclude<Event, Renewed> | Renewals)[] = [];
  for (const event of events) {
    if (event.type !== 'renewed') {
      folded.push(event);
      continue;
    }
    const before = folded.at(-1);
    if (before?.type === 'renewed' && before.attempt === event.attempt)
      folded[folded.length - 1] = { ...before, ...event, times: before.times + 1 };
    else folded.push({ ...event, times: 1 });
  }
  return folded;
}
