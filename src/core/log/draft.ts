import type { Change, EventOf, KindName, Kinds, StateOf, World } from './kind.ts';
import { subjectOf } from './subject.ts';

/** A thing that an entry has changed. */
export type Thing<K> = {
  [N in KindName<K>]: {
    readonly kind: N;
    readonly id: string;
    /** Its state before the entry; undefined if it is new. */
    readonly before: StateOf<K, N> | undefined;
    readonly after: StateOf<K, N>;
  };
}[KindName<K>];

type Applied<K> =
  | { readonly change: Change<K>; readonly refused?: undefined }
  | { readonly change?: undefined; readonly refused: string };

/** The world as it is while an entry is folded: the things that have changed so far, over those that have not. */
export class Draft<K extends Kinds> implements World<K> {
  readonly #kinds: K;
  readonly #world: World<K>;
  readonly #things = new Map<string, Thing<K>>();

  constructor(kinds: K, world: World<K>) {
    this.#kinds = kinds;
    this.#world = world;
  }

  get things(): readonly Thing<K>[] {
    return [...this.#things.values()];
  }

  find<N extends KindName<K>>(kind: N, id: string): StateOf<K, N> | undefined {
    const changed = this.#things.get(keyOf(kind, id));
    return changed ? changed.after : this.#world.find(kind, id);
  }

  apply(event: EventOf<K>): Applied<K> {
    const { kind, id } = subjectOf(event);
    const rules = this.#kinds[kind];
    if (!rules) return { refused: `things of the kind ${kind} are unknown` };
    const before = this.find(kind, id);
    const { state, refused } = rules.evolve(before, event);
    if (refused !== undefined || state === undefined) return { refused: refused ?? 'it has no effect' };
    this.#set(kind, id, before, state);
    return { change: { kind, id, event, before, after: state } as Change<K> };
  }

  /** Applies the record of an event that lost a race. @returns the record; undefined if it leaves no trace */
  recordLost(event: EventOf<K>, reason: string): EventOf<K> | undefined {
    const { kind, id } = subjectOf(event);
    const state = this.find(kind, id);
    const record = state === undefined ? undefined : this.#kinds[kind]?.lost(state, event, reason);
    if (record === undefined) return undefined;
    this.apply(record as EventOf<K>);
    return record as EventOf<K>;
  }

  #set(kind: string, id: string, before: unknown, after: unknown): void {
    const key = keyOf(kind, id);
    const known = this.#things.get(key);
    this.#things.set(key, { kind, id, before: known ? known.before : before, after } as Thing<K>);
  }
}

/** The name of a kind contains no space. */
function keyOf(kind: string, id: string): string {
  return `${kind} ${id}`;
}
