import { describe, expect, test } from 'vitest';
import { describeStuck, type Signs, stuckBy } from '../../src/core/task/stuck.ts';
import { cancel, claim, complete, fail, MINUTE, renew, type Story, story, submit, T0 } from './tasks.ts';

const AFTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;

const waiting = story(submit());
const claimed = story(submit(), claim('w1', 4 * HOUR));
const renewed = story(submit(), claim('w1', HOUR), 44 * MINUTE, renew({ lease: HOUR }));
const reported = story(submit(), claim('w1', HOUR), 40 * MINUTE, renew({ lease: HOUR, note: 'half' }));

type Case = [what: string, given: Story, at: number, signs: Signs, said: string | undefined];

const cases: readonly Case[] = [
  ['a task that waits for a worker for less', waiting, AFTER - 1, {}, undefined],
  ['a task that no worker has come for', waiting, AFTER, {}, 'ready for 15m, no worker of its role was seen'],
  ['a task in a queue with a worker', waiting, HOUR, { worker_seen_at: T0 + HOUR - AFTER + 1 }, undefined],
  [
    'a task whose workers are gone',
    waiting,
    HOUR,
    { worker_seen_at: T0 + 10 * MINUTE },
    'ready for 1h, no worker of its role for 50m',
  ],
  ['a task that has just begun', claimed, AFTER - 1, {}, undefined],
  ['a silent task', claimed, AFTER, {}, 'no renewal or progress for 15m (no output on this machine)'],
  ['a task whose child prints', claimed, HOUR, { output_at: T0 + 50 * MINUTE }, undefined],
  [
    'a task whose child has stopped printing',
    claimed,
    HOUR,
    { output_at: T0 + 40 * MINUTE },
    'no renewal, progress or output for 20m',
  ],
  ['a task that was renewed not long ago', renewed, 45 * MINUTE - 1, { output_at: T0 }, undefined],
  ['a task that was only renewed', renewed, 45 * MINUTE, { output_at: T0 }, 'renewed, no progress or output for 45m'],
  ['a task with a report', reported, 45 * MINUTE, { output_at: T0 }, undefined],
  ['a scheduled task', story(submit({ delay_seconds: 7_200 })), HOUR, {}, undefined],
  ['a completed task', story(submit(), claim(), complete()), HOUR, {}, undefined],
  ['a failed task', story(submit(), fail()), HOUR, {}, undefined],
  ['a cancelled task', story(submit(), cancel()), HOUR, {}, undefined],
];

describe('a task that seems to be stuck', () => {
  test.for(cases)('%s', ([, { task }, at, signs, said]) => {
    const now = T0 + at;
    const stuck = stuckBy(task, signs, now, AFTER);
    expect(stuck && describeStuck(stuck, now)).toBe(said);
  });

  test('says how often its lease was renewed', () => {
    const stuck = { reason: 'only-renewed', since: T0, output: true, renewals: 27 } as const;
    expect(describeStuck(stuck, T0 + 2 * HOUR)).toBe('renewed 27 times, no progress or output for 2h');
  });
});
