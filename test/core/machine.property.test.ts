import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../src/core/task/decision/decide.ts';
import { Event } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import { type Status, statuses, type Task } from '../../src/core/task/task.ts';
import { everyEvent } from './every-event.ts';
import { brokenBy, brokenIn } from './invariants.ts';
import { initialStories, commandOf, run, steps } from './world.ts';

const fold = (events: readonly Event[]) =>
  events.reduce<Task | undefined>((task, event) => evolve(task, event).task, undefined);

test('any interleaving of commands of several workers keeps every invariant at every step', () => {
  fc.assert(
    fc.property(initialStories, steps, (initial, taken) => {
      run(initial, taken, (turn) => expect(brokenIn(turn)).toEqual([]));
    }),
    { numRuns: 1_000 },
  );
});

test('the log folds to the same task after a round trip through JSON', () => {
  fc.assert(
    fc.property(initialStories, steps, (initial, taken) => {
      const { task, events } = run(initial, taken);
      const read = events.map((event) => Event.parse(JSON.parse(JSON.stringify(event))));
      expect(fold(read)).toEqual(task);
    }),
    { numRuns: 200 },
  );
});

test('events that were decided on an outdated state violate no invariant when they are folded into the current state', () => {
  const outdated = fc.array(fc.nat(5), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(initialStories, steps, outdated, (initial, taken, delays) => {
      const past: Task[] = [initial.task];
      const memory = new Map<string, number>();
      let { now } = initial;
      for (const [index, step] of taken.entries()) {
        now += step.wait;
        const seen = past.at(-1 - delays[index]!) ?? past[0]!;
        const { events } = decide(seen, commandOf(step, seen, memory), { now, random: () => step.random });
        for (const event of events) {
          const before = past.at(-1)!;
          const { task, refused } = evolve(before, event);
          if (event.type === 'claimed' && !refused) memory.set(event.worker, event.attempt);
          const final = (before.status === 'completed' && event.type !== 'redone') || before.status === 'cancelled';
          expect(final && task?.status !== before.status).toBe(false);
          expect(brokenBy(task)).toEqual([]);
          past.push(task!);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('a log with duplicate, missing and reordered events folds without an error to a task that violates no invariant', () => {
  fc.assert(
    fc.property(initialStories, steps, fc.infiniteStream(fc.nat()), (initial, taken, choices) => {
      const { events } = run(initial, taken);
      const mixed = [...choices.take(events.length * 2)].map((choice) => events[choice % events.length]!);
      expect(brokenBy(fold([events[0]!, ...mixed]))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('the interleavings reach every status, every event and every refusal', () => {
  const reached = { statuses: new Set<Status>(), events: new Set<string>(), refusals: new Set<string>() };
  for (const [initial, taken] of fc.sample(fc.tuple(initialStories, steps), { numRuns: 300, seed: 1 })) {
    const { events } = run(initial, taken, ({ decision: { task, refusal } }) => {
      reached.statuses.add(task!.status);
      if (refusal) reached.refusals.add(refusal.code);
    });
    for (const { type } of events) reached.events.add(type);
  }
  expect([...reached.statuses].toSorted()).toEqual(statuses.toSorted());
  // No command causes `carried`: a log with a limited retention does.
  const decided = Object.keys(everyEvent).filter((type) => type !== 'carried');
  expect([...reached.events].toSorted()).toEqual(decided.toSorted());
  expect([...reached.refusals].toSorted()).toEqual(['cancelled', 'conflict', 'missing-artifacts', 'usage']);
});
