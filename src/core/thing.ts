import type { Refusal } from './errors.ts';

/** What an event or a command is about: a thing of some kind. */
export interface Subject {
  readonly kind: string;
  readonly id: string;
}

/** The result of one event: the new state, or the unchanged state and the reason why the event had no effect. */
export interface Evolved<S> {
  readonly state: S | undefined;
  readonly refused?: string;
}

/** The decision on a command: the events to append, empty if nothing changes, or why it is refused. */
export interface ThingDecision<E> {
  readonly events: readonly E[];
  readonly refusal?: Refusal;
}

/** What a decision may use besides the state of the thing. `now` is in ms since 1970. */
export interface Given {
  readonly now: number;
}
