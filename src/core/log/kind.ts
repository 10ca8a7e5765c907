import type { Message } from '../task/messages.ts';
import type { AnyEvent, Carried } from './subject.ts';

/** The result of one event: the new state, or the unchanged state and the reason why the event had no effect. */
export interface Evolved<S> {
  readonly state: S | undefined;
  readonly refused?: string;
}

/**
 * What the log needs of one kind of thing, such as the task. `S` is the state of a thing, `E` the union of its events.
 * All functions are pure, so that all machines fold the same.
 */
export interface Kind<S, E extends AnyEvent> {
  /** Folds one event. It is total: an event that lost a race is refused and changes nothing. */
  evolve(state: S | undefined, event: E): Evolved<S>;
  /** The record of an event that lost a race, for the history of the thing; undefined if it leaves no trace. */
  lost(state: S, event: E, reason: string): E | undefined;
  /** Whether a later fold may read it: then it is written again before the log drops its beginning. */
  carries(state: S): boolean;
  /** The outcome of a thing that has ended, so that the log may drop it; undefined for any other. */
  outcome(state: S): string | undefined;
}

/** Kinds by name. */
export type Kinds = Readonly<Record<string, Kind<unknown, AnyEvent>>>;

export type KindName<K> = keyof K & string;
export type StateOf<K, N extends KindName<K>> = K[N] extends Kind<infer S, infer _> ? S : never;
export type EventOf<K> = { [N in KindName<K>]: K[N] extends Kind<infer _, infer E> ? E : never }[KindName<K>] | Carried;

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
    readonly event: K[N] extends Kind<infer _, infer E> ? E : never;
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
