import type { Change, EventOf, KindName, Kinds, StateOf, View, World } from './kind.ts';
import { type AnyEvent, type EndedThing, isCarried, type Subject, subjectOf } from './subject.ts';

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
  | {
      readonly change?: undefined;
      readonly refused: string;
      /** The thing that the event is about, if there is no such thing. */
      readonly missing: Subject | undefined;
    };

/** The world as it is while an entry is folded: the things that have changed so far, over those that have not. */
export class Draft<K extends Kinds> implements View<K> {
  readonly #kinds: K;
  readonly #world: World<K>;
  readonly #things = new Map<string, Thing<K>>();
  /** By thing: what the author of the entry has seen, and what the reactions have asked for. */
  readonly #seen: ReadonlyMap<string, EndedThing>;
  readonly #asked = new Map<string, EndedThing>();
  readonly #unknown = new Map<string, Subject>();

  /** @param seen the outcomes that the author of the entry has seen, for things that the world does not contain */
  constructor(kinds: K, world: World<K>, seen: readonly EndedThing[] = []) {
    this.#kinds = kinds;
    this.#world = world;
    this.#seen = new Map(seen.map((ended) => [keyOf(ended.kind, ended.id), ended]));
  }

  /** The outcomes that the reactions have asked for. An entry contains them, for readers that do not know the thing. */
  get asked(): readonly EndedThing[] {
    return [...this.#asked.values()];
  }

  get things(): readonly Thing<K>[] {
    return [...this.#things.values()];
  }

  /** Things whose outcome the reactions have asked for, although they are unknown. */
  get unknown(): readonly Subject[] {
    return [...this.#unknown.values()];
  }

  find<N extends KindName<K>>(kind: N, id: string): StateOf<K, N> | undefined {
    const changed = this.#things.get(keyOf(kind, id));
    return changed ? changed.after : this.#world.find(kind, id);
  }

  outcome(kind: KindName<K>, id: string): string | undefined {
    const state = this.find(kind, id);
    const key = keyOf(kind, id);
    const seen = this.#seen.get(key);
    if (state === undefined && !seen) this.#unknown.set(key, { kind, id });
    const outcome = state === undefined ? seen?.outcome : this.#kinds[kind]!.outcome(state);
    if (outcome !== undefined) this.#asked.set(key, { kind, id, outcome });
    return outcome;
  }

  apply(event: EventOf<K>): Applied<K> {
    const { kind, id } = subjectOf(event);
    const before = this.find(kind, id);
    const { state, refused } = this.#evolve(kind, before, event);
    if (refused !== undefined || state === undefined) {
      const missing = before === undefined ? { kind, id } : undefined;
      return { refused: refused ?? 'it has no effect', missing };
    }
    this.#set(kind, id, before, state);
    return { change: { kind, id, event, before, after: state } as Change<K> };
  }

  #evolve(kind: string, before: unknown, event: AnyEvent): { readonly state?: unknown; readonly refused?: string } {
    const rules = this.#kinds[kind];
    if (!rules) return { refused: `things of the kind ${kind} are unknown` };
    return isCarried(event) ? { state: event.state } : rules.evolve(before, event);
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
