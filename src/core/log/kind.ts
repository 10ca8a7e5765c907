import type { Message } from '../task/messages.ts';
import type { Evolved, Given, ThingDecision } from '../thing.ts';
import type { AnyEvent, Carried } from './subject.ts';

/**
 * What the log needs of one kind of thing, such as the task. `S` is the state of a thing, `E` the union of its events,
 * `C` the union of the commands that a backend takes for it. All functions are pure, so that all machines fold the same.
 */
export interface Kind<S, E extends AnyEvent, C = never> {
  /**
   * Decides a command on the present state. Absent for tasks, whose commands the backends decide by `decide`, and for
   * things that only reactions change.
   */
  decide?(state: S | undefined, command: C, given: Given): ThingDecision<E>;
  /** Folds one event. It is total: an event that lost a race is refused and changes nothing. */
  evolve(state: S | undefined, event: E): Evolved<S>;
  /** The record of an event that lost a race, for the history of the thing; undefined if it leaves no trace. */
  lost(state: S, event: E, reason: string): E | undefined;
  /** Whether a later fold may read it: then it is written again before the log drops its beginning. */
  carries(state: S): boolean;
  /** The outcome of a thing that has ended, so that the log may drop it; undefined for any other. */
  outcome(state: S): string | undefined;
  /** Whether a store keeps the events of each thing. False if no question needs them, or if a text may be removed. */
  readonly keepsEvents?: false;
  /** Whether the state adds up all events: a reader that has not read all of them knows a part of it. */
  readonly isSum?: true;
}

/** Kinds by name. */
export type Kinds = Readonly<Record<string, Kind<unknown, AnyEvent, unknown>>>;

export type KindName<K> = keyof K & string;
export type StateOf<K, N extends KindName<K>> = K[N] extends Kind<infer S, infer _E, infer _C> ? S : never;
export type EventOf<K> =
  { [N in KindName<K>]: K[N] extends Kind<infer _S, infer E, infer _C> ? E : never }[KindName<K>] | Carried;
export type CommandOf<K, N extends KindName<K>> = K[N] extends Kind<infer _S, infer _E, infer C> ? C : never;

/** The state of all things, as far as the log has been folded. */
export interface World<K> {
  find<N extends KindName<K>>(kind: N, id: string): StateOf<K, N> | undefined;
}

/** The same, as a reaction sees it. */
export interface View<K> extends World<K> {
  /**
   * The outcome of a thing; undefined if it has not ended. If the thing is unknown, because the log has dropped it, the
   * outcome that the author of the entry has seen.
   */
  outcome(kind: KindName<K>, id: string): string | undefined;
}

/** What one event has changed. */
export type Change<K> = {
  [N in KindName<K>]: {
    readonly kind: N;
    readonly id: string;
    readonly event: K[N] extends Kind<infer _S, infer E, infer _C> ? E : never;
    readonly before: StateOf<K, N> | undefined;
    readonly after: StateOf<K, N>;
  };
}[KindName<K>];

/** What follows from a change. */
export interface Reaction<E> {
  /** Events of other things. Each one takes effect at once, and may have consequences itself. */
  readonly events?: readonly E[];
  /** Messages that are now due, or no longer due. */
  readonly messages?: readonly Message[];
}

/** The kinds of things in the log, and what follows from their changes. */
export interface Rules<K> {
  readonly kinds: K;
  /**
   * Pure: it reads only what the log has said before, and takes times and ids from the event, so that every machine
   * derives the same. An event that it derives and that is refused has no effect.
   */
  react(change: Change<K>, view: View<K>): Reaction<EventOf<K>>;
  /**
   * Why an event of an entry may not take effect as the world is, although the thing itself would accept it; undefined
   * if it may. The entry is then rejected, as if the event had lost a race. Pure, like `react`. Events that follow from
   * others are not asked about.
   */
  forbid?(change: Change<K>, view: View<K>): string | undefined;
  /**
   * Whether things of a kind decide about tasks, by `react` or `forbid`. A reader that learns the state of such a thing
   * late doubts the tasks that it has derived without it.
   */
  decidesOnTasks?(kind: string, world: World<K>): boolean;
  /** Loads how events are read that come from outside. Few commands need it. */
  forms(): Promise<Forms>;
}

/** How the events of one kind are read from outside. */
export interface Form {
  /** The event; undefined if this program does not write such an event. */
  read(event: unknown): AnyEvent | undefined;
  /** Whether only a newer program knows its type or its version. */
  isNewer(event: unknown): boolean;
}

/** The forms by the name of the kind. */
export type Forms = Readonly<Record<string, Form>>;
