import { describe, expect, test } from 'vitest';
import { applyEntry, MAX_DERIVED, refusalOf } from '../../src/core/log/apply-entry.ts';
import type { EventOf, Kind, Rules } from '../../src/core/log/kind.ts';
import { readEvents } from '../../src/core/log/read-events.ts';
import { rules } from '../../src/core/log/rules.ts';
import type { AnyEvent, Subject } from '../../src/core/log/subject.ts';
import { worldOf } from '../../src/core/log/world.ts';
import type { Event } from '../../src/core/task/event.ts';
import { counted, countingForms, countingRules, SUCCESSOR } from './counters.ts';
import { deepFreeze } from './freeze.ts';
import { claim, complete, fail, ID, ROLE, SECOND, retry, story, type Story, submit, T0, when } from './tasks.ts';

type Counted = EventOf<(typeof countingRules)['kinds']>;

/** A log that is folded entry by entry, with its states. */
class Folded {
  readonly states = new Map<string, unknown>();
  readonly events: Counted[] = [];

  add(...events: readonly Counted[]) {
    const world = worldOf<(typeof countingRules)['kinds']>(({ kind, id }) => this.states.get(`${kind} ${id}`));
    const applied = applyEntry(countingRules, deepFreeze([...events]), world);
    for (const { kind, id, after } of applied.things) this.states.set(`${kind} ${id}`, deepFreeze(after));
    this.events.push(...applied.events);
    return applied;
  }
}

const completed = story(submit(), claim('w1'), SECOND, complete());
const typesOf = (events: readonly AnyEvent[]) => events.map(({ type }) => type);

/** The same story of a task with another id. */
function under(id: string, { task, now, events }: Story): Story {
  const renamed = { ...task, id, envelope: { ...task.envelope, task_id: id } };
  const own = events.map((event) =>
    event.type === 'submitted'
      ? { ...event, task_id: id, envelope: { ...event.envelope, task_id: id } }
      : { ...event, task_id: id },
  );
  return { task: renamed, now, events: own };
}

describe('an event of a task', () => {
  test('has consequences for a thing of another kind, after the events of the entry', () => {
    const log = new Folded();
    const { events, things } = log.add(...completed.events);
    expect(typesOf(events)).toEqual(['submitted', 'claimed', 'completed', 'counted']);
    expect(things.map(({ kind, id }) => [kind, id])).toEqual([
      ['task', ID],
      ['counter', ROLE],
    ]);
    expect(log.states.get(`counter ${ROLE}`)).toEqual({ ids: [ID] });
  });

  test('has none if its entry lost a race', () => {
    const log = new Folded();
    log.add(...completed.events);
    const { accepted, events, messages } = log.add(...when(story(submit(), claim('w1')), complete()).events);
    expect(accepted).toBe(false);
    expect(typesOf(events)).toEqual(['refused']);
    expect(messages).toEqual([]);
    expect(log.states.get(`counter ${ROLE}`)).toEqual({ ids: [ID] });
  });

  test('has none if it repeats the state of a thing', () => {
    const { task, now } = story(submit(), fail());
    const carried: Event = { v: 1, type: 'carried', task_id: ID, at: now, task };
    expect(new Folded().add(carried)).toMatchObject({ accepted: true, events: [carried], messages: [] });
  });
});

describe('a consequence', () => {
  test('has consequences itself, which see all earlier events', () => {
    const log = new Folded();
    for (const id of ['a', 'b']) log.add(...under(id, completed).events);
    const { events, things } = log.add(...under('c', completed).events);
    expect(typesOf(events).slice(-2)).toEqual(['counted', 'awarded']);
    expect(things.map(({ kind }) => kind)).toEqual(['task', 'counter', 'badge']);
    expect(log.states.get(`badge ${ROLE}`)).toEqual({ since: completed.events.at(-1)!.at });
  });

  test('that is refused has no effect, and rejects nothing', () => {
    const log = new Folded();
    log.add(counted(ROLE, ID, T0));
    const { accepted, events } = log.add(...completed.events);
    expect(accepted).toBe(true);
    expect(events).toEqual(completed.events);
  });

  test('is the same for entries that are folded one by one and together', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const one = new Folded();
    for (const id of ids) one.add(...under(id, completed).events);
    const together = new Folded();
    together.add(...ids.flatMap((id) => under(id, completed).events));
    expect(together.states).toEqual(one.states);
  });

  test('is the same when the log is read again', () => {
    const entries = ['a', 'b', 'c', 'd'].map((id) => under(id, completed).events);
    const read = () => {
      const log = new Folded();
      for (const entry of entries) log.add(...entry);
      return log;
    };
    expect(read().events).toEqual(read().events);
  });
});

describe('an entry about several kinds', () => {
  test('changes all of them', () => {
    const log = new Folded();
    const { accepted } = log.add(...completed.events.slice(0, 1), counted('other', 'x', T0));
    expect(accepted).toBe(true);
    expect([...log.states.keys()]).toEqual([`task ${ID}`, 'counter other']);
  });

  test('changes none of them if one event lost a race', () => {
    const log = new Folded();
    log.add(counted('other', 'x', T0));
    expect(log.add(...completed.events, counted('other', 'x', T0)).accepted).toBe(false);
    expect([...log.states.keys()]).toEqual(['counter other']);
  });
});

test('an event of an unknown kind is refused', () => {
  const unknown = { v: 2, type: 'said', about: { kind: 'message', id: 'm' }, at: T0 } as unknown as Counted;
  expect(new Folded().add(unknown)).toMatchObject({ accepted: false, events: [] });
});

test('reactions that cause each other are stopped, and the author of the entry gets a refusal', () => {
  interface Ping extends AnyEvent {
    readonly about: Subject;
  }
  const player: Kind<number, Ping> = {
    evolve: (state = 0) => ({ state: state + 1 }),
    lost: () => undefined,
    carries: () => false,
    outcome: () => undefined,
  };
  const other = { ping: 'pong', pong: 'ping' };
  const game: Rules<{ ping: typeof player; pong: typeof player }> = {
    kinds: { ping: player, pong: player },
    forms: () => Promise.resolve({}),
    react: ({ kind, event }) => ({ events: [{ ...event, about: { kind: other[kind], id: 'a' } }] }),
  };
  const first = { v: 2, type: 'played', about: { kind: 'ping', id: 'a' }, at: T0 };
  const applied = applyEntry(
    game,
    [first],
    worldOf(() => undefined),
  );
  expect(applied.events).toHaveLength(1 + MAX_DERIVED);
  expect(refusalOf(applied)).toMatchObject({ code: 'conflict' });
});

describe('the messages of a task', () => {
  const messages = (base: Story | undefined, ...events: readonly Event[]) =>
    applyEntry(
      rules,
      events,
      worldOf(({ kind }) => (kind === 'task' ? base?.task : undefined)),
    ).messages.map(({ type, state }) => `${type} ${state}`);
  const failed = story(submit(), claim('w1'), SECOND, fail());

  test('follow from its end', () => {
    expect(messages(undefined, ...completed.events)).toEqual(['result due']);
    expect(messages(undefined, ...failed.events)).toEqual(['result due', 'dead-letter due']);
  });

  test('are withdrawn if it is retried, and follow again from its next end', () => {
    const again = when(failed, retry).events;
    expect(messages(failed, ...again)).toEqual(['result withdrawn', 'dead-letter withdrawn']);
    const { events: whole } = story(
      submit(),
      claim('w1'),
      SECOND,
      fail(),
      retry,
      claim('w2'),
      SECOND,
      complete({ attempt: 2 }),
    );
    const ended = whole.slice(failed.events.length + again.length);
    expect(messages(failed, ...again, ...ended)).toEqual(['result withdrawn', 'dead-letter withdrawn', 'result due']);
  });
});

describe('the outcome of another task', () => {
  const p = under('p', completed);
  const successor = under('s', story(submit({ type: SUCCESSOR, instructions: 'p' })));

  test('is in the entry if a reaction has asked for it and the task has ended', () => {
    const log = new Folded();
    log.add(...p.events);
    const { ended, unknown } = log.add(...successor.events);
    expect(ended).toEqual([{ kind: 'task', id: 'p', outcome: 'completed' }]);
    expect(unknown).toEqual([]);
    expect(log.states.get(`counter ${ROLE}`)).toEqual({ ids: ['p', 'before-s'] });
  });

  test('is not in the entry of a task that is still open', () => {
    const log = new Folded();
    log.add(...p.events.slice(0, 1));
    expect(log.add(...successor.events)).toMatchObject({ accepted: true, ended: [], unknown: [] });
  });

  test('must be known to the author of an entry', () => {
    const applied = new Folded().add(...successor.events);
    expect(applied).toMatchObject({ accepted: true, unknown: [{ kind: 'task', id: 'p' }] });
    expect(refusalOf(applied)).toEqual({ code: 'not-found', message: 'there is no task p' });
  });
});

describe('events from outside', () => {
  const plain = (events: readonly unknown[]) => readEvents(countingForms, JSON.parse(JSON.stringify(events)));

  test('are read by the form of their kind', () => {
    const events = [...completed.events, counted('r', 'x', T0)];
    expect(plain(events)).toEqual({ events });
  });

  test.for<[string, object, string]>([
    ['a kind', { about: { kind: 'message', id: 'm' } }, 'the unknown kind "message"'],
    ['a kind with the name of a method', { about: { kind: 'constructor', id: 'm' } }, 'the unknown kind "constructor"'],
    ['a type', { type: 'lost' }, 'a counter event of an unknown type'],
    ['a version', { v: 3 }, 'a counter event of an unknown type or version'],
  ])('that have %s of a newer program say so', ([, change, text]) => {
    const { newer } = plain([...completed.events, { ...counted('r', 'x', T0), ...change }]);
    expect(newer).toContain(text);
  });

  test.for<[string, unknown]>([
    ['nothing', null],
    ['no kind', { ...counted('r', 'x', T0), about: {} }],
    ['no name of a kind', { ...counted('r', 'x', T0), about: { kind: 'a b', id: 'x' } }],
    ['other fields', { ...counted('r', 'x', T0), id: 7 }],
  ])('that contain %s are not read', ([, event]) => {
    expect(plain([event])).toEqual({});
  });
});
