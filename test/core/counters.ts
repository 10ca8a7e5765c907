import * as z from 'zod/mini';
import { forms } from '../../src/core/log/forms.ts';
import type { Form, Forms, Kind, Rules } from '../../src/core/log/kind.ts';
import { type LogKinds, type LogRules, rules } from '../../src/core/log/rules.ts';
import type { AnyEvent, Subject } from '../../src/core/log/subject.ts';
import { presentTask } from '../../src/core/task/decision/pruned.ts';

/** Counts the completed tasks of a role. */
export interface Counter {
  readonly ids: readonly string[];
}

/** The time at which a role completed its third task. */
export interface Badge {
  readonly since: number;
}

export interface Counted extends AnyEvent {
  readonly v: 2;
  readonly type: 'counted';
  readonly about: Subject;
  readonly id: string;
}

export interface Awarded extends AnyEvent {
  readonly v: 2;
  readonly type: 'awarded';
  readonly about: Subject;
}

const counter: Kind<Counter, Counted> = {
  evolve(state, { id }) {
    const ids = state?.ids ?? [];
    return ids.includes(id) ? { state, refused: 'it was counted' } : { state: { ids: [...ids, id] } };
  },
  lost: () => undefined,
  carries: () => true,
  outcome: () => undefined,
};

const badge: Kind<Badge, Awarded> = {
  evolve: (state, { at }) => (state ? { state, refused: 'it was awarded' } : { state: { since: at } }),
  lost: () => undefined,
  carries: () => true,
  outcome: () => undefined,
};

type CounterKinds = LogKinds & { readonly counter: typeof counter; readonly badge: typeof badge };

export const counted = (role: string, id: string, at: number): Counted => ({
  v: 2,
  type: 'counted',
  about: { kind: 'counter', id: role },
  at,
  id,
});

/** A task of this type names its predecessor in its instructions: a predecessor that has completed is counted again. */
export const SUCCESSOR = 'successor';

const about = z.object({ kind: z.string(), id: z.string() });
const shape = { v: z.literal(2), about, at: z.number() };

/** Reads events of one type, and the event that repeats a state. */
function formOf(type: string, more: z.core.$ZodLooseShape, state: z.core.$ZodLooseShape): Form {
  const Event = z.union([
    z.object({ ...shape, type: z.literal(type), ...more }),
    z.object({ ...shape, type: z.literal('carried'), state: z.object(state) }),
  ]);
  return {
    read: (event) => Event.safeParse(event).data,
    isNewer: (event) => ![type, 'carried'].includes((event as AnyEvent).type) || (event as AnyEvent).v > 2,
  };
}

export const countingForms: Forms = {
  ...forms,
  counter: formOf('counted', { id: z.string() }, { ids: z.array(z.string()) }),
  badge: formOf('awarded', {}, { since: z.number() }),
};

/** The rules of the log with two more kinds: a counter of completed tasks, and a badge for the third task of a role. */
export const countingRules: Rules<CounterKinds> = {
  kinds: { ...rules.kinds, counter, badge },
  forms: () => Promise.resolve(countingForms),
  react(change, view) {
    switch (change.kind) {
      case 'task': {
        const { event, after } = change;
        const { messages = [] } = rules.react(change, view);
        const role = presentTask(after)?.envelope.to ?? '';
        if (event.type === 'completed') return { messages, events: [counted(role, after.id, event.at)] };
        if (event.type !== 'submitted' || event.envelope.type !== SUCCESSOR) return { messages };
        const predecessor = event.envelope.instructions!;
        const isOver = view.outcome('task', predecessor) === 'completed';
        return { messages, events: isOver ? [counted(role, `before-${after.id}`, event.at)] : [] };
      }
      case 'counter': {
        const { id, event } = change;
        if (view.find('counter', id)!.ids.length < 3) return {};
        return { events: [{ v: 2, type: 'awarded', about: { kind: 'badge', id }, at: event.at }] };
      }
      case 'badge':
      case 'note':
      case 'policy':
      case 'spending':
        return {};
      default:
        return change satisfies never;
    }
  },
};

/** The same rules for a backend, whose types contain only the kinds of the log. */
export const countingLogRules = countingRules as unknown as LogRules;
