import type { Refusal } from '../errors.ts';
import type { Message } from '../task/messages.ts';
import { Draft, type Thing } from './draft.ts';
import type { Change, EventOf, Kinds, Rules, World } from './kind.ts';
import { type EndedThing, type Subject, subjectOf } from './subject.ts';

/**
 * The maximum number of events that follow from one entry, directly or indirectly. So reactions that cause each other
 * come to an end.
 */
export const MAX_DERIVED = 10_000;

/** The result of folding one entry of the log. */
export interface Applied<K> {
  readonly accepted: boolean;
  /**
   * The events to record, in order: the events of the entry and then those that follow from it, or, if the entry was
   * rejected, the records of that.
   */
  readonly events: readonly EventOf<K>[];
  /** The things that have changed. */
  readonly things: readonly Thing<K>[];
  readonly messages: readonly Message[];
  /** What the reactions rely on: the author of the entry writes it into the entry. */
  readonly ended: readonly EndedThing[];
  /** Unknown things whose outcome the reactions have asked for. The author must know them. */
  readonly unknown: readonly Subject[];
  /** Things that an event without effect was about, and that are unknown: the log may have dropped their beginning. */
  readonly missing: readonly Subject[];
  /**
   * Whether more than {@link MAX_DERIVED} events follow: the rest of them has no effect. The author of such an entry
   * must not append it.
   */
  readonly endless: boolean;
}

/**
 * Folds one entry: the events of one decision, about any number of things of any kinds. Either all of them take effect
 * or, if one of them lost a race, none. Then come the reactions, in the order of the changes: first those to the events
 * of the entry, then those to the events that follow from these, and so on. A `carried` event has no consequences: it
 * repeats what had consequences before.
 * @param ended the outcomes that the author of the entry has seen
 */
export function applyEntry<K extends Kinds>(
  rules: Rules<K>,
  events: readonly EventOf<K>[],
  world: World<K>,
  ended: readonly EndedThing[] = [],
): Applied<K> {
  const draft = new Draft(rules.kinds, world, ended);
  const changes: Change<K>[] = [];
  for (const event of events) {
    const result = draft.apply(event);
    if (result.refused !== undefined) return rejected(rules, events, result.refused, world);
    if (event.type === 'carried') continue;
    const forbidden = rules.forbid?.(result.change, draft);
    if (forbidden !== undefined) return rejected(rules, events, forbidden, world);
    changes.push(result.change);
  }
  const derived: EventOf<K>[] = [];
  const messages: Message[] = [];
  const missing: Subject[] = [];
  let endless = false;
  // The list grows while it is read.
  for (const change of changes) {
    const reaction = rules.react(change, draft);
    messages.push(...(reaction.messages ?? []));
    for (const event of reaction.events ?? []) {
      endless ||= derived.length === MAX_DERIVED;
      if (endless) break;
      const result = draft.apply(event);
      if (result.refused !== undefined) {
        if (result.missing) missing.push(result.missing);
        continue;
      }
      derived.push(event);
      changes.push(result.change);
    }
  }
  return {
    accepted: true,
    events: [...events, ...derived],
    things: draft.things,
    messages,
    ended: draft.asked,
    unknown: draft.unknown,
    missing,
    endless,
  };
}

/** The effects of an entry that is rejected and leaves no record. */
export const NOTHING = {
  accepted: false,
  events: [],
  things: [],
  messages: [],
  ended: [],
  unknown: [],
  missing: [],
  endless: false,
} as const satisfies Applied<Kinds>;

/** Why the author of an entry must not append it; undefined if it may. */
export function refusalOf({
  accepted,
  endless,
  unknown: [first],
}: Pick<Applied<Kinds>, 'accepted' | 'endless' | 'unknown'>): Refusal | undefined {
  // A machine that knows the thing would fold the entry differently.
  if (first) return { code: 'not-found', message: `there is no ${first.kind} ${first.id}` };
  if (endless) return { code: 'conflict', message: `more than ${MAX_DERIVED} events would follow from it` };
  return accepted ? undefined : { code: 'conflict', message: 'the queue has changed meanwhile', hint: 'try again' };
}

function rejected<K extends Kinds>(
  { kinds }: Rules<K>,
  events: readonly EventOf<K>[],
  reason: string,
  world: World<K>,
): Applied<K> {
  const draft = new Draft(kinds, world);
  const records = events.flatMap((event) => draft.recordLost(event, reason) ?? []);
  const missing = events.map(subjectOf).filter(({ kind, id }) => world.find(kind, id) === undefined);
  return { ...NOTHING, events: records, things: draft.things, missing };
}
