import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../src/core/task/decision/decide.ts';
import { Event } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/evolve.ts';
import { type Status, statuses, type Task } from '../../src/core/task/task.ts';
import { everyEvent } from './every-event.ts';
import { brokenBy, brokenIn } from './invariants.ts';
import { beginnings, commandOf, live, steps } from './world.ts';

const fold = (events: readonly Event[]) =>
  events.reduce<Task | undefined>((task, event) => evolve(task, event).task, undefined);

test('any interleaving of commands from several workers keeps every invariant at every step', () => {
  fc.assert(
    fc.property(beginnings, steps, (beginning, taken) => {
      live(beginning, taken, (turn) => expect(brokenIn(turn)).toEqual([]));
    }),
    { numRuns: 1_000 },
  );
});

test('the log read back from JSON folds to the task that it was written for', () => {
  fc.assert(
    fc.property(beginnings, steps, (beginning, taken) => {
      const { task, events } = live(beginning, taken);
      const read = events.map((event) => Event.parse(JSON.parse(JSON.stringify(event))));
      expect(fold(read)).toEqual(task);
    }),
    { numRuns: 200 },
  );
});

test('what was decided on an outdated state breaks no invariant when it is folded into the present one', () => {
  const outdated = fc.array(fc.nat(5), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(beginnings, steps, outdated, (beginning, taken, delays) => {
      const past: Task[] = [beginning.task];
      const memory = new Map<string, number>();
      let { now } = beginning;
      for (const [index, step] of taken.entries()) {
        now += step.wait;
        const seen = past.at(-1 - delays[index]!) ?? past[0]!;
        const { events } = decide(seen, commandOf(step, seen, memory), { now, random: () => step.random });
        for (const event of events) {
          const before = past.at(-1)!;
          const { task, refused } = evolve(before, event);
          if (event.type === 'claimed' && !refused) memory.set(event.worker, event.attempt);
          const final = before.status === 'completed' || before.status === 'cancelled';
          expect(final && task?.status !== before.status).toBe(false);
          expect(brokenBy(task)).toEqual([]);
          past.push(task!);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('a log whose events are doubled, left out and out of order folds without an error, to a task that breaks no invariant', () => {
  fc.assert(
    fc.property(beginnings, steps, fc.infiniteStream(fc.nat()), (beginning, taken, choices) => {
      const { events } = live(beginning, taken);
      const mixed = [...choices.take(events.length * 2)].map((choice) => events[choice % events.length]!);
      expect(brokenBy(fold([events[0]!, ...mixed]))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('the interleavings reach every status, every event and every refusal: else the above would prove nothing', () => {
  const reached = { statuses: new Set<Status>(), events: new Set<string>(), refusals: new Set<string>() };
  for (const [beginning, taken] of fc.sample(fc.tuple(beginnings, steps), { numRuns: 300, seed: 1 })) {
    const { events } = live(beginning, taken, ({ decision: { task, refusal } }) => {
      reached.statuses.add(task!.status);
      if (refusal) reached.refusals.add(refusal.code);
    });
    for (const { type } of events) reached.events.add(type);
  }
  expect([...reached.statuses].toSorted()).toEqual(statuses.toSorted());
  // No command makes it: a log that forgets does.
  const decided = Object.keys(everyEvent).filter((type) => type !== 'carried');
  expect([...reached.events].toSorted()).toEqual(decided.toSorted());
  expect([...reached.refusals].toSorted()).toEqual(['cancelled', 'conflict', 'missing-artifacts']);
});
