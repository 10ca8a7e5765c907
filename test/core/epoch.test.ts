import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/core/task/decision/command.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import { MAX_STARTS } from '../../src/core/task/retry.ts';
import { spentAttempts } from '../../src/core/task/task.ts';
import {
  backoff,
  cancel,
  claim,
  complete,
  elapse,
  fail,
  handBacks,
  MINUTE,
  release,
  renew,
  retry,
  SECOND,
  type Story,
  story,
  submit,
  when,
} from './tasks.ts';

const restore = (epoch = 1, since = 0) => ({ type: 'restore', epoch, since }) as const;

/** Continues a story with these steps. */
function continued(from: Story, ...steps: readonly (Command | number)[]): Story {
  let { task, now } = from;
  const events = [...from.events];
  for (const step of steps) {
    if (typeof step === 'number') {
      now += step;
      continue;
    }
    const decision = decide(task, step, { now, random: () => 0.5 });
    if (decision.refusal) throw new Error(decision.refusal.message);
    task = decision.task!;
    events.push(...decision.events);
  }
  return { task, now, events };
}

/** The backed-up tasks, each with the number of claims before the backup. */
const backedUp: Readonly<Record<string, readonly [Story, number]>> = {
  'not claimed': [story(submit()), 0],
  delayed: [story(submit({ delay_seconds: 5 })), 0],
  held: [story(submit(), claim()), 1],
  released: [story(submit(), claim(), release()), 1],
  'waiting for a retry': [story(submit(), claim(), fail({ backoff })), 1],
  failed: [story(submit(), claim(), fail()), 1],
  expired: [story(submit({ ttl_seconds: 60 }), MINUTE, elapse), 0],
};

describe.for(Object.entries(backedUp))('a task that was %s when the backup was made', ([, [backup, claims]]) => {
  const restored = continued(backup, 10 * SECOND, restore());
  const taken = { failed: [retry], expired: [retry] }[restored.task.status as string] ?? [];
  const ready = restored.task.status === 'scheduled' ? [MINUTE] : taken;

  test('has no lease after the restore, and no further attempt counts', () => {
    expect(restored.task.status).not.toBe('working');
    expect(spentAttempts(restored.task)).toBe(spentAttempts(backup.task));
  });

  test('continues with an attempt number that is 1,000 higher after each restore', () => {
    const begun = continued(restored, ...ready, claim('w2'));
    expect(begun.task.attempts.at(-1)!.number).toBe(claims + 1 + 1_000);
    const again = continued(begun, SECOND, restore(2, 1), claim('w3'));
    expect(again.task.attempts.at(-1)!.number).toBe(claims + 2 + 2_000);
    // A second restore of the same backup uses none of the numbers that were used since the first restore.
    const second = continued(backup, 10 * SECOND, restore(2), ...ready, claim('w3'));
    expect(second.task.attempts.at(-1)!.number).toBe(claims + 1 + 2_000);
  });

  test('refuses commands with an earlier attempt number or without a number', () => {
    for (const now of [restored, continued(restored, ...ready, claim('w2'))]) {
      for (const attempt of [undefined, 1, 2, 3, 100, 999]) {
        for (const command of [complete({ attempt }), fail({ attempt }), renew({ attempt }), release({ attempt })]) {
          const { changed, task } = when(now, command);
          expect(changed).toBe(false);
          expect(task?.status).toBe(when(now, elapse).task?.status);
        }
      }
    }
  });

  test('can be completed by the worker that claims it after the restore', () => {
    const begun = continued(restored, ...ready, claim('w2'));
    const done = continued(begun, complete({ by: 'w2', attempt: begun.task.attempts.at(-1)!.number }));
    expect(done.task).toMatchObject({ status: 'completed', completion: { attempt: claims + 1_001 } });
  });
});

test('an attempt whose lease ended before the restore does not count', () => {
  const { task } = continued(story(submit({ max_attempts: 1 }), claim()), 60 * MINUTE, restore());
  expect(task).toMatchObject({ status: 'queued', attempts: [{ number: 1, outcome: 'released' }] });
});

test.for([
  ['completed', story(submit(), claim(), complete())],
  ['cancelled', story(submit(), claim(), cancel())],
] as const)('a task that is %s does not change', ([, backup]) => {
  const { events, task, changed } = decide(backup.task, restore(), { now: backup.now, random: () => 0 });
  expect({ events, changed }).toEqual({ events: [], changed: false });
  expect(task).toBe(backup.task);
});

test('a task that has reached the maximum of starts is not started again', () => {
  const last = story(submit(), ...handBacks(MAX_STARTS - 1), claim());
  const { task } = continued(last, restore());
  expect(task).toMatchObject({ status: 'failed', reason: expect.stringContaining('too often') });
  expect(continued({ ...last, task }, retry, claim()).task.attempts.at(-1)!.number).toBe(MAX_STARTS + 1_001);
});

test('the attempts of a task that is submitted after a restore have the higher numbers too, because it may be a lost task', () => {
  const { task } = decide(undefined, submit(), { now: 0, random: () => 0, epoch: 2 });
  expect(decide(task, claim(), { now: 1, random: () => 0 }).task).toMatchObject({ lease: { attempt: 2_001 } });
  expect(decide(task, complete(), { now: 1, random: () => 0 }).refusal?.code).toBe('conflict');
  expect(decide(undefined, submit(), { now: 0, random: () => 0 }).task).not.toHaveProperty('attempts_above');
});

test('a restore event that would reuse attempt numbers is refused', () => {
  const { task } = story(submit(), claim());
  const event = { v: 1, type: 'restored', task_id: task.id, at: 0, epoch: 1, attempts_above: 0 } as const;
  expect(evolve(task, event).refused).toBeDefined();
});
