import { describe, expect, test } from 'vitest';
import { Event } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import type { Task } from '../../src/core/task/task.ts';
import { everyEvent } from './every-event.ts';
import { cancel, claim, complete, elapse, fail, MINUTE, release, renew, story, submit } from './tasks.ts';

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe.for(Object.entries(everyEvent))('the event %s', ([type, { task, events }]) => {
  test('is the last event of its story', () => {
    expect(events.at(-1)?.type).toBe(type);
  });

  test('is equal after a round trip through JSON, like all events before it', () => {
    expect(events.map((event) => Event.parse(throughJson(event)))).toEqual(events);
  });

  test('folds to the same task after a round trip through JSON', () => {
    const fold = (folded: Task | undefined, event: unknown) => evolve(folded, Event.parse(throughJson(event))).task;
    expect(events.reduce(fold, undefined)).toEqual(task);
  });
});

test('events without optional fields are equal after a round trip through JSON', () => {
  const { events } = story(submit(), claim(), renew(), release(), claim(), MINUTE, elapse, claim(), cancel());
  const others = [story(submit(), fail()), story(submit(), complete({ summary: undefined, empty: true }))];
  for (const event of [events, ...others.map((other) => other.events)].flat()) {
    expect(Event.parse(throughJson(event))).toEqual(event);
  }
});

test('an event of another version is refused', () => {
  expect(Event.safeParse({ v: 2, type: 'became-due', task_id: 'a', at: 0 }).success).toBe(false);
});

test('an event of an unknown type is refused', () => {
  expect(Event.safeParse({ v: 1, type: 'unknown', task_id: 'a', at: 0 }).success).toBe(false);
});

test('an event with a field of a newer agentq is accepted', () => {
  expect(Event.safeParse({ v: 1, type: 'became-due', task_id: 'a', at: 0, new_field: 1 }).success).toBe(true);
});
