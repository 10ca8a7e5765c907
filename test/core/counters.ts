import type { Kind, Rules } from '../../src/core/log/kind.ts';
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
  readonly type: 'counted' | 'carried';
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
};

const badge: Kind<Badge, Awarded> = {
  evolve: (state, { at }) => (state ? { state, refused: 'it was awarded' } : { state: { since: at } }),
  lost: () => undefined,
  carries: () => true,
};

type CounterKinds = LogKinds & { readonly counter: typeof counter; readonly badge: typeof badge };

export const counted = (role: string, id: string, at: number): Counted => ({
  v: 2,
  type: 'counted',
  about: { kind: 'counter', id: role },
  at,
  id,
});

/** The rules of the log with two more kinds: a counter of completed tasks, and a badge for the third task of a role. */
export const countingRules: Rules<CounterKinds> = {
  kinds: { ...rules.kinds, counter, badge },
  react(change, world) {
    switch (change.kind) {
      case 'task': {
        const { event, after } = change;
        const { messages } = rules.react(change);
        return event.type === 'completed'
          ? { messages, events: [counted(presentTask(after)!.envelope.to, after.id, event.at)] }
          : { messages };
      }
      case 'counter': {
        const { id, event } = change;
        if (world.find('counter', id)!.ids.length < 3) return {};
        return { events: [{ v: 2, type: 'awarded', about: { kind: 'badge', id }, at: event.at }] };
      }
      case 'badge':
        return {};
      default:
        return change satisfies never;
    }
  },
};

/** The same rules for a backend, whose types contain only the kinds of the log. */
export const countingLogRules = countingRules as unknown as LogRules;
