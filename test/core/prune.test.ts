import { describe, expect, test } from 'vitest';
import { referredIds } from '../../src/core/task/referred-ids.ts';
import { applyEntry } from '../../src/core/log/apply-entry.ts';
import { type LogKinds, rules } from '../../src/core/log/rules.ts';
import { worldOf } from '../../src/core/log/world.ts';
import type { CommandOf } from '../../src/core/task/decision/command.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import { Event, isNewerEvent } from '../../src/core/task/event.ts';
import { evolveKnown, type KnownTask, type Pruned } from '../../src/core/task/decision/pruned.ts';
import { cancel, claim, complete, dismiss, elapse, evidence, fail, ID, MINUTE, retry, story, submit } from './tasks.ts';

const DAY = 86_400_000;

const prune = (before: number, keep_dead = false): CommandOf<'prune'> => ({
  type: 'prune',
  before,
  keep_dead,
  remember: 365 * DAY,
});

const completed = story(submit(), claim(), complete({ attempt: 1 }));
const dead = story(submit(), claim(), fail({ attempt: 1 }));
const given = (now: number) => ({ now, random: () => 0.5 });

function prunedOf({ task, now }: { readonly task: KnownTask; readonly now: number }): Pruned {
  const { events } = decide(task, prune(now + 1), given(now));
  return events.reduce<KnownTask | undefined>((known, event) => evolveKnown(known, event).state, task) as Pruned;
}

describe('prune', () => {
  test.for([
    ['completed', completed],
    ['failed', dead],
    ['failed', story(submit(), claim(), fail({ attempt: 1 }), dismiss)],
    ['cancelled', story(submit(), cancel())],
    ['expired', story(submit({ ttl_seconds: 60 }), MINUTE, elapse)],
  ] as const)('removes a task that is %s and old enough', ([status, { task, now }]) => {
    const { events, changed, refusal, task: after } = decide(task, prune(now + 1), given(now + DAY));
    expect({ changed, refusal, after }).toEqual({ changed: true, refusal: undefined, after: undefined });
    expect(events).toEqual([
      { v: 2, type: 'pruned', task_id: ID, at: now + DAY, status, known_until: now + 366 * DAY },
    ]);
    expect(Event.parse(events[0])).toEqual(events[0]);
    expect(isNewerEvent(events[0])).toBe(false);
    expect(isNewerEvent({ ...events[0], v: 3 })).toBe(true);
  });

  test.for([
    ['is open', story(submit(), claim()), false],
    ['is a dead letter that is to be kept', dead, true],
  ] as const)('has no effect on a task that %s', ([, { task, now }, keep]) => {
    expect(decide(task, prune(now + DAY, keep), given(now))).toMatchObject({ events: [], task, changed: false });
  });

  test('has no effect on a task that changed recently, on an unknown id, or a second time', () => {
    const { task, now } = completed;
    for (const known of [task, undefined, prunedOf(completed)]) {
      const decision = decide(known, prune(now), given(now));
      expect(decision).toMatchObject({ events: [], changed: false });
      expect(decision.refusal).toBeUndefined();
    }
  });

  test('removes a purged dead letter also if dead letters are kept', () => {
    const { task, now } = story(submit(), claim(), fail({ attempt: 1 }), dismiss);
    expect(decide(task, prune(now + 1, true), given(now)).changed).toBe(true);
  });
});

describe('the id of a pruned task', () => {
  const known = prunedOf(completed);
  const { now } = completed;

  test('is refused to a submit, with the date and what to do', () => {
    expect(decide(known, submit(), given(now + DAY))).toMatchObject({
      events: [],
      task: undefined,
      refusal: {
        code: 'conflict',
        message: `${ID} (completed) was pruned on 2027-01-31`,
        hint: expect.stringContaining('2028-01-31') as string,
      },
    });
  });

  test('is unknown to all other commands', () => {
    for (const command of [claim(), complete(), retry, cancel()]) {
      expect(decide(known, command, given(now + DAY)).refusal).toMatchObject({ code: 'not-found' });
    }
  });

  test('is free again after its time', () => {
    const { refusal, task } = decide(known, submit(), given(now + 365 * DAY));
    expect({ refusal, status: task?.status }).toEqual({ refusal: undefined, status: 'queued' });
  });

  test('is refused in the fold to a submit of another machine, until the same time', () => {
    const [submitted] = completed.events;
    const fold = (at: number) =>
      applyEntry(
        rules,
        [{ ...submitted!, at }],
        worldOf<LogKinds>(() => known),
      ).accepted;
    expect([fold(now + 1), fold(known.known_until - 1), fold(known.known_until)]).toEqual([false, false, true]);
  });
});

describe('the event pruned', () => {
  const event = decide(completed.task, prune(completed.now + 1), given(completed.now)).events[0]!;
  const folded = (known: KnownTask | undefined) =>
    applyEntry(
      rules,
      [event],
      worldOf<LogKinds>(() => known),
    );

  test('leaves the same in a reader that does not know the task', () => {
    const after = { id: ID, status: 'completed', pruned_at: completed.now, known_until: completed.now + 365 * DAY };
    expect(folded(completed.task).things[0]).toMatchObject({ after });
    expect(folded(undefined)).toMatchObject({ accepted: true, things: [{ before: undefined, after }], messages: [] });
  });

  test('is refused with its whole entry if the task was retried in the meantime', () => {
    const { task } = story(submit(), claim(), fail({ attempt: 1 }), retry);
    expect(folded(task)).toMatchObject({ accepted: false, events: [] });
  });

  test('withdraws the messages of the task', () => {
    expect(folded(completed.task).messages).toMatchObject([{ type: 'result', state: 'withdrawn' }]);
    expect(folded(dead.task).messages).toMatchObject([
      { type: 'result', state: 'withdrawn' },
      { type: 'dead-letter', state: 'withdrawn' },
    ]);
  });
});

describe('a task refers to the evidence of the tasks', () => {
  const idsOf = (instructions: string) => [...referredIds(story(submit({ instructions })).task)].toSorted();

  test.for([
    ['compare results/a.md, please', ['a', 'a.md']],
    ['see file:///shared/results/a%402.md.', ['a', 'a@2', 'a@2.md', 'a@2.md.']],
    ['/shared/artifacts/a/1/patch.diff', ['a']],
    ['nothing of it', []],
  ] as const)('%s', ([text, ids]) => {
    expect(idsOf(text)).toEqual(ids);
  });

  test('that its context comes from', () => {
    const { task } = story(submit({}, evidence('context', 'x', 'results/b.md')));
    expect([...referredIds(task)]).toContain('b');
    expect([...referredIds(story(submit({}, evidence('context', 'x', `tasks/${ID}.md`))).task)]).not.toContain(ID);
  });
});
