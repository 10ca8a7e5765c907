import { describe, expect, test } from 'vitest';
import { MAX_RECORDED_REFUSALS } from '../../src/core/task/decision/decide.ts';
import type { Event } from '../../src/core/task/event.ts';
import { applyEntry } from '../../src/core/log/apply-entry.ts';
import { isTaskThing, type LogKinds, rules } from '../../src/core/log/rules.ts';
import { isTaskEvent } from '../../src/core/log/subject.ts';
import { worldOf } from '../../src/core/log/world.ts';
import { presentTask } from '../../src/core/task/decision/pruned.ts';
import type { Task } from '../../src/core/task/task.ts';
import { deepFreeze } from './freeze.ts';
import {
  cancel,
  claim,
  complete,
  elapse,
  envelope,
  evidence,
  fail,
  ID,
  MINUTE,
  release,
  renew,
  SECOND,
  story,
  type Story,
  submit,
  untouched,
  when,
} from './tasks.ts';

interface Applied {
  readonly accepted: boolean;
  readonly events: readonly Event[];
  readonly tasks: ReadonlyMap<string, Task>;
}

/** The result of an entry in a log that knows these tasks. */
function applied(events: readonly Event[], ...known: readonly Task[]): Applied {
  const tasks = new Map(known.map((task) => [task.id, deepFreeze(task)]));
  const world = worldOf<LogKinds>(({ id }) => tasks.get(id));
  const { accepted, events: kept, things } = applyEntry(rules, deepFreeze([...events]), world);
  return {
    accepted,
    events: kept.filter(isTaskEvent),
    tasks: new Map(things.filter(isTaskThing).map(({ id, after }) => [id, presentTask(after)!])),
  };
}

/** The same story of a task with another id. */
function under(id: string, { task, now, events }: Story): Story {
  const renamed = { ...task, id, envelope: { ...task.envelope, task_id: id } };
  return { task: renamed, now, events: events.map((event) => ({ ...event, task_id: id })) };
}

const queued = story(submit());
const begun = story(submit(), claim('w1'), SECOND);
const overtaken = story(submit(), claim('w1'), MINUTE, claim('w2'), SECOND);
const cancelled = story(submit(), claim('w1'), SECOND, cancel());

describe('an entry whose events all take effect', () => {
  test('changes its task, and is recorded unchanged', () => {
    const { events, task } = when(begun, complete());

    expect(applied(events, begun.task)).toEqual({ accepted: true, events, tasks: new Map([[ID, task]]) });
  });

  test('may create a task and continue with it', () => {
    const { events, task } = story(submit(), claim('w1'), SECOND, complete());

    expect(applied(events)).toEqual({ accepted: true, events, tasks: new Map([[ID, task]]) });
  });

  test('may change several tasks, and does not change other tasks', () => {
    const other = under('task-2', queued);
    const third = under('task-3', queued);
    const events = [...when(begun, complete()).events, ...when(other, cancel()).events];

    const { accepted, tasks } = applied(events, begun.task, other.task, third.task);
    expect(accepted).toBe(true);
    expect([...tasks].map(([id, { status }]) => [id, status])).toEqual([
      [ID, 'completed'],
      ['task-2', 'cancelled'],
    ]);
  });

  test('may contain events of time before the event of the command', () => {
    const { events, task } = when(begun, claim('w2'), MINUTE);
    expect(events.map(({ type }) => type)).toEqual(['lease-expired', 'claimed']);

    expect(applied(events, begun.task)).toEqual({ accepted: true, events, tasks: new Map([[ID, task]]) });
  });

  test('may contain a refusal, which changes only the count of refusals', () => {
    const { events } = when(begun, complete({ attempt: 2 }));
    expect(events.map(({ type }) => type)).toEqual(['refused']);

    const { accepted, tasks } = applied(events, begun.task);
    expect(accepted).toBe(true);
    expect(tasks.get(ID)).toMatchObject({ status: 'working', refused: 1 });
    expect(untouched(tasks.get(ID))).toEqual(untouched(begun.task));
  });

  test('may be empty, and then changes nothing', () => {
    expect(applied([], begun.task)).toEqual({ accepted: true, events: [], tasks: new Map() });
  });
});

describe('an entry that lost a race', () => {
  const nothing: Applied = { accepted: false, events: [], tasks: new Map() };

  test.for<[string, readonly Event[], Story]>([
    ['a claim', when(queued, claim('w2')).events, begun],
    ['a renewal', when(begun, renew()).events, overtaken],
    ['a release', when(begun, release()).events, overtaken],
    ['the end of a lease', when(begun, elapse, MINUTE).events, overtaken],
    ['a cancel', when(begun, cancel()).events, story(submit(), claim('w1'), SECOND, complete())],
    ['a second submit of an id', queued.events, begun],
  ])('is not recorded if it is an event of time or no end of an attempt: %s', ([, events, { task }]) => {
    expect(applied(events, task)).toEqual(nothing);
  });

  test.for<[string, readonly Event[]]>([
    ['complete', when(begun, complete({ by: 'w1' })).events],
    ['fail', when(begun, fail({ by: 'w1', artifacts: [evidence('log')] })).events],
  ])('is recorded as a refusal if it is an end of an attempt: %s', ([command, events]) => {
    const { accepted, events: kept, tasks } = applied(events, overtaken.task);

    expect(accepted).toBe(false);
    expect(kept).toEqual([
      {
        v: 1,
        type: 'refused',
        task_id: ID,
        at: events[0]!.at,
        command,
        by: 'w1',
        attempt: 1,
        reason: 'attempt 1 does not hold it: attempt 2 holds it',
      },
    ]);
    expect(tasks.get(ID)).toMatchObject({ refused: 1 });
    expect(untouched(tasks.get(ID))).toEqual(untouched(overtaken.task));
  });

  test('has no effect, also not of its events before the one that lost', () => {
    const other = under('task-2', queued);
    const events = [...when(other, cancel()).events, ...when(queued, claim('w2')).events];

    expect(applied(events, begun.task, other.task)).toEqual(nothing);
  });

  test('creates no task', () => {
    const fresh = under('task-2', story(submit(), complete()));

    expect(applied([...fresh.events, ...queued.events], queued.task)).toEqual(nothing);
  });

  test('refuses every completion in it, also of a task that could accept it', () => {
    const other = under('task-2', begun);
    const events = [...when(other, complete()).events, ...when(begun, complete()).events];

    const { accepted, events: kept, tasks } = applied(events, cancelled.task, other.task);
    expect(accepted).toBe(false);
    const reason = 'attempt 1 does not hold it: it is cancelled';
    expect(kept).toMatchObject([
      { type: 'refused', task_id: 'task-2', command: 'complete', reason },
      { type: 'refused', task_id: ID, command: 'complete', reason },
    ]);
    expect(tasks.get('task-2')).toMatchObject({ status: 'working', refused: 1 });
    expect(tasks.get(ID)).toMatchObject({ status: 'cancelled', refused: 1 });
  });

  test('refuses each of several completions of one task, and counts them all', () => {
    const events = ['one', 'another'].flatMap((summary) => when(begun, complete({ summary })).events);

    const { accepted, events: kept, tasks } = applied(events, begun.task);
    expect(accepted).toBe(false);
    expect(kept).toHaveLength(2);
    expect(tasks.get(ID)).toMatchObject({ status: 'working', refused: 2 });
  });

  test('records nothing about an unknown task', () => {
    const [completed] = when(begun, complete()).events;

    expect(applied([completed!])).toEqual(nothing);
  });

  test('is recorded no more often than the limit of a task', () => {
    const [completed] = when(begun, complete()).events;
    let { task } = cancelled;
    const kept: Event[] = [];
    for (let n = 0; n < MAX_RECORDED_REFUSALS + 3; n++) {
      const { accepted, events, tasks } = applied([completed!], task);
      expect(accepted).toBe(false);
      kept.push(...events);
      task = tasks.get(ID) ?? task;
    }

    expect(kept).toHaveLength(MAX_RECORDED_REFUSALS);
    expect(task.refused).toBe(MAX_RECORDED_REFUSALS);
  });
});

test('an event `carried` creates the task only in a reader that does not know it', () => {
  const carried: Event = { v: 1, type: 'carried', task_id: ID, at: begun.now, task: begun.task };

  expect(applied([carried])).toEqual({ accepted: true, events: [carried], tasks: new Map([[ID, begun.task]]) });
  expect(applied([carried], queued.task)).toMatchObject({ accepted: false, events: [] });
});

test('the events of a story fold to the same task in one entry or in several', () => {
  const { events, task } = story(
    { ...submit(), envelope: envelope({ max_attempts: 5 }) },
    claim('w1'),
    SECOND,
    renew({ percent: 40 }),
    MINUTE,
    claim('w2'),
    fail({ attempt: 2 }),
  );
  const one = applied(events).tasks.get(ID);
  let known: Task | undefined;
  for (const event of events) known = applied([event], ...(known ? [known] : [])).tasks.get(ID);

  expect(one).toEqual(task);
  expect(known).toEqual(task);
});
