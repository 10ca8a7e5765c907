import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/core/task/decision/command.ts';
import { MAX_STARTS } from '../../src/core/task/retry.ts';
import type { Task, TaskIn } from '../../src/core/task/task.ts';
import {
  acknowledge,
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  elapse,
  evidence,
  fail,
  handBacks,
  MINUTE,
  release,
  renew,
  retry,
  ROLE,
  SECOND,
  type Story,
  story,
  submit,
  T0,
  untouched,
  when,
} from './tasks.ts';

const begun = story(submit(), claim('w1'), SECOND);
/** The lease of w1 ended, and w2 works: whoever speaks of attempt 1 is stale. */
const passedOn = story(submit(), claim('w1'), MINUTE, claim('w2'), SECOND);
const ended = story(submit(), claim('w1'), MINUTE, elapse, SECOND);

/** Every command that speaks for an attempt. */
const spoken: [string, (more: { by?: string; attempt?: number }) => Command][] = [
  ['renew', renew],
  ['complete', complete],
  ['fail', fail],
  ['release', release],
];
const types = (decision: { events: readonly { type: string }[] }) => decision.events.map(({ type }) => type);
const last = (task: Task | undefined) => task?.attempts.at(-1);

/** Why the command is refused as a conflict, once it is clear that it left the task as it was. */
function conflict(given: Story, command: Command, wait = 0): string | undefined {
  const { refusal, task } = when(given, command, wait);
  expect(untouched(task)).toEqual(untouched(when(given, elapse, wait).task));
  return refusal?.code === 'conflict' ? refusal.message : undefined;
}

describe.for(spoken)('%s', ([, say]) => {
  test('is believed of the role without a number, while there has been one attempt', () => {
    expect(when(begun, say({})).refusal).toBeUndefined();
  });

  test('is believed of the worker that holds the lease, by its own name', () => {
    expect(when(begun, say({ by: 'w1' })).refusal).toBeUndefined();
    expect(when(passedOn, say({ by: 'w2', attempt: 2 })).refusal).toBeUndefined();
  });

  test('is believed with the number of the attempt that holds the lease', () => {
    expect(when(passedOn, say({ attempt: 2 })).events).toMatchObject([{ attempt: 2 }]);
  });

  test('is refused without a number, once there has been more than one attempt', () => {
    expect(conflict(passedOn, say({}))).toMatch(/none of them is named/);
    expect(conflict(passedOn, say({ by: 'w2' }))).toMatch(/none of them is named/);
  });

  test('is refused with the number of an attempt that lost its lease', () => {
    expect(conflict(passedOn, say({ attempt: 1 }))).toMatch(
      /attempt 1 of task-1 lost its lease; attempt 2 holds it now/,
    );
    expect(conflict(passedOn, say({ attempt: 1, by: 'w2' }))).toMatch(/lost its lease/);
  });

  test('is refused with a number that was never given out', () => {
    expect(conflict(begun, say({ attempt: 2 }))).toMatch(/^there is no attempt 2 of task-1; attempt 1 holds it now/);
    expect(conflict(passedOn, say({ attempt: 3 }))).toMatch(/^there is no attempt 3 of task-1; attempt 2 holds it now/);
    expect(conflict(ended, say({ attempt: 7 }))).toMatch(/there is no attempt 7/);
  });

  test('is refused of anybody else', () => {
    expect(conflict(begun, say({ by: 'reviewer' }))).toMatch(/was sent to implementer, not to reviewer/);
    expect(conflict(begun, say({ by: 'w2', attempt: 1 }))).toMatch(/was sent to implementer, not to w2/);
    expect(conflict(story(submit()), say({ by: 'reviewer' }))).toMatch(/was sent to implementer, not to reviewer/);
  });

  test('is refused once the lease has ended, although nobody has claimed since', () => {
    expect(conflict(begun, say({ attempt: 1 }), MINUTE - SECOND)).toMatch(/attempt 1 no longer holds it/);
    expect(conflict(begun, say({}), MINUTE - SECOND)).toMatch(/its last lease has ended/);
    expect(conflict(ended, say({ attempt: 1 }))).toMatch(/attempt 1 no longer holds it/);
  });

  test('is believed up to the last ms of the lease', () => {
    expect(when(begun, say({ attempt: 1 }), MINUTE - SECOND - 1).refusal).toBeUndefined();
  });

  test('is refused after a cancel, in words that say so', () => {
    const cancelled = story(submit(), claim(), cancel({ reason: 'not wanted any more' }));
    expect(when(cancelled, say({ attempt: 1 }))).toMatchObject({
      refusal: { code: 'cancelled', message: 'task-1 was cancelled by coordinator: not wanted any more' },
      changed: false,
    });
  });
});

describe('a refusal says what to do:', () => {
  test.for<[string, Story, Command, string]>([
    ['stop, after a cancel', story(submit(), cancel()), complete(), 'stop working on it'],
    ['look, where the task has ended', story(submit(), fail()), complete(), 'agentq show task-1'],
    ['claim anew, where the lease has ended', ended, complete(), 'claim it again: agentq claim --as implementer'],
    ['claim first, where nobody has', story(submit()), renew(), 'claim it first'],
    ['name the attempt, where there were several', passedOn, complete(), '--attempt N'],
    ['speak as the role', story(submit()), complete({ by: 'reviewer' }), '--from implementer'],
    [
      'read the result, where there is one',
      story(submit(), complete()),
      complete({ summary: 'no' }),
      'agentq result task-1',
    ],
  ])('%s', ([, given, command, hint]) => {
    expect(when(given, command).refusal?.hint).toContain(hint);
  });
});

describe('what a stale attempt says', () => {
  test.for(spoken.filter(([type]) => type === 'complete' || type === 'fail'))('is recorded: %s', ([type, say]) => {
    expect(when(passedOn, say({ attempt: 1, by: 'w1' }))).toMatchObject({
      events: [{ type: 'refused', command: type, by: 'w1', attempt: 1, at: passedOn.now }],
      task: { refused: 1, status: 'working' },
    });
  });

  test.for(spoken.filter(([type]) => type === 'renew' || type === 'release'))('leaves no trace: %s', ([, say]) => {
    expect(when(passedOn, say({ attempt: 1, by: 'w1' })).events).toEqual([]);
  });
});

describe('time comes before the command:', () => {
  test('a lease that ended is in the log before the refusal that it brings about', () => {
    expect(types(when(begun, complete({ attempt: 1 }), MINUTE))).toEqual(['lease-expired', 'refused']);
  });

  test('a claim takes what a lease that just ended has given up, with the next number', () => {
    const decision = when(begun, claim('w2'), MINUTE);
    expect(types(decision)).toEqual(['lease-expired', 'claimed']);
    expect(decision.task).toMatchObject({ status: 'working', lease: { attempt: 2, worker: 'w2' } });
  });

  test('a task whose TTL has passed is not claimed', () => {
    const decision = when(story(submit({ ttl_seconds: 60 })), claim(), MINUTE);
    expect(types(decision)).toEqual(['expired']);
    expect(decision).toMatchObject({ refusal: { code: 'conflict' }, task: { status: 'expired' } });
  });

  test('a delayed task can be claimed when its delay is over, not before', () => {
    const delayed = story(submit({ delay_seconds: 5 }));
    expect(when(delayed, claim(), 5 * SECOND - 1).refusal?.code).toBe('conflict');
    expect(types(when(delayed, claim(), 5 * SECOND))).toEqual(['became-due', 'claimed']);
  });
});

test('what time did is not a change that the command made', () => {
  const mortal = submit({ ttl_seconds: 60 });
  const decision = when(story(mortal), mortal, MINUTE);
  expect(types(decision)).toEqual(['expired']);
  expect(decision).toMatchObject({ changed: false, task: { status: 'expired' } });
  expect(when(begun, claim('w2'), MINUTE).changed).toBe(true);
});

describe('a claim', () => {
  test('gives out the next number and a lease from now on', () => {
    expect(when(story(submit(), claim(), release(), SECOND), claim('w2', 7 * SECOND)).task).toMatchObject({
      status: 'working',
      lease: { attempt: 2, worker: 'w2', expires_at: T0 + 8 * SECOND },
    });
  });

  test('of a task that somebody has is refused', () => {
    expect(conflict(begun, claim('w2'))).toMatch(/task-1 is working, not queued/);
  });
});

test('a renewal makes the lease as long as it says, from now on', () => {
  expect(when(begun, renew({ lease: 5 * MINUTE })).task).toMatchObject({
    lease: { attempt: 1, worker: 'w1', expires_at: begun.now + 5 * MINUTE },
  });
});

describe('without a claim', () => {
  const queued = story(submit());

  test('the role completes a task that nobody has begun', () => {
    expect(when(queued, complete()).task).toMatchObject({
      status: 'completed',
      completion: { attempt: 1, by: ROLE, summary: 'done' },
    });
  });

  test('the role completes a task before its delay is over', () => {
    expect(when(story(submit({ delay_seconds: 5 })), complete()).task?.status).toBe('completed');
  });

  test('a failure may be followed by a further attempt, and counts', () => {
    const failed = when(story(submit({ max_attempts: 2 })), fail({ backoff }));
    expect(failed.task).toMatchObject({ status: 'scheduled', attempts: [{ number: 1, outcome: 'failed' }] });
  });

  test('nobody speaks for an attempt that was never given out', () => {
    expect(conflict(queued, complete({ attempt: 1 }))).toMatch(/there is no attempt 1/);
  });

  test('the role does not complete a task that was begun before', () => {
    expect(conflict(ended, complete())).toMatch(/its last lease has ended/);
    expect(conflict(story(submit(), claim(), release()), complete())).toMatch(/its last lease has ended/);
  });

  test('there is nothing to renew and nothing to give back', () => {
    expect(conflict(queued, renew())).toMatch(/no worker has claimed/);
    expect(conflict(queued, release())).toMatch(/no worker has claimed/);
  });
});

describe('a second completion', () => {
  const result = evidence('result', 'the text');
  const artifacts = [evidence('patch'), evidence('log')];
  const first = complete({ attempt: 1, result, artifacts });
  const completed = story(submit(), claim('w1'), first, SECOND);

  test.for<[string, Command]>([
    ['the same once more', first],
    ['the same without its number', complete({ result, artifacts })],
    ['the same with the artifacts in another order', complete({ result, artifacts: artifacts.toReversed() })],
    ['the same from other places', complete({ result: { ...result, path: 'results/elsewhere.md' }, artifacts })],
  ])('that says %s is quiet', ([, command]) => {
    expect(when(completed, command)).toEqual({ changed: false, events: [], task: completed.task });
  });

  test.for<[string, Command]>([
    ['another summary', complete({ result, artifacts, summary: 'undone' })],
    ['no summary', complete({ result, artifacts, summary: undefined })],
    ['another result', complete({ result: evidence('result', 'another text'), artifacts })],
    ['no result', complete({ artifacts })],
    ['an artifact less', complete({ result, artifacts: artifacts.slice(1) })],
    ['an artifact of other content', complete({ result, artifacts: [evidence('patch', 'worse'), evidence('log')] })],
  ])('with %s is refused and recorded, and the first one stands', ([, command]) => {
    expect(conflict(completed, command)).toMatch(/already completed by implementer, with another outcome/);
    expect(types(when(completed, command))).toEqual(['refused']);
  });
});

describe('a completion of promised artifacts', () => {
  const promised = story(submit({ expected_output: { artifacts: ['patch', 'summary'] } }), claim());

  test('is done where it brings them all', () => {
    const artifacts = [evidence('patch'), evidence('summary')];
    expect(when(promised, complete({ artifacts, summary: undefined })).task?.status).toBe('completed');
  });

  test('is done where its summary stands for the artifact of that name', () => {
    expect(when(promised, complete({ artifacts: [evidence('patch')] })).task?.status).toBe('completed');
  });

  test('is refused where one is missing, names it, and leaves the task to its worker', () => {
    expect(when(promised, complete())).toEqual({
      refusal: {
        code: 'missing-artifacts',
        message: 'task-1 promised artifacts that are missing or empty: patch',
        hint: '--artifact patch=PATH',
      },
      changed: false,
      events: [],
      task: promised.task,
    });
  });

  test('is refused where one is empty', () => {
    expect(when(promised, complete({ artifacts: [evidence('patch', '')] })).refusal?.code).toBe('missing-artifacts');
  });

  test('is refused of a stale attempt because it is stale, whatever it brings', () => {
    const stale = story(submit({ expected_output: { artifacts: ['patch'] } }), claim(), MINUTE, claim('w2'));
    expect(when(stale, complete({ attempt: 1 })).refusal?.code).toBe('conflict');
  });
});

describe('a second submit of an id', () => {
  const context = evidence('context', 'the text', 'tasks/task-1.md');
  const submitted = story(submit({ context_ref: context.path, labels: { a: 1, b: [2], c: null } }, context));

  test('with the same content changes nothing, whatever the task has become', () => {
    const again = submit({ labels: { c: null, b: [2], a: 1 }, context_ref: context.path }, context);
    expect(when(submitted, again)).toEqual({ changed: false, events: [], task: submitted.task });
    expect(when(story(submit(), claim(), complete()), submit()).refusal).toBeUndefined();
  });

  test('with the same context from another place is the same', () => {
    const path = 'tasks/elsewhere.md';
    const again = submit(
      { labels: { a: 1, b: [2], c: null }, context_ref: path },
      { ...context, path, name: 'elsewhere' },
    );
    expect(when(submitted, again)).toEqual({ changed: false, events: [], task: submitted.task });
  });

  test.for<[string, string, Command]>([
    [
      'another context in the same place',
      'context',
      submit({ context_ref: context.path, labels: { a: 1, b: [2], c: null } }, evidence('context', 'other')),
    ],
    ['no context', 'context', submit({ labels: { a: 1, b: [2], c: null } })],
    [
      'other instructions',
      'instructions',
      submit({ instructions: 'do not', labels: { a: 1, b: [2], c: null } }, context),
    ],
    ['another field of its own', 'labels', submit({ labels: { a: 1, b: [3], c: null } }, context)],
    ['a field less', 'labels', submit({}, context)],
    [
      'another role and type',
      'to, type',
      submit({ to: 'reviewer', type: 'x', labels: { a: 1, b: [2], c: null } }, context),
    ],
  ])('with %s is refused, and names the fields', ([, fields, command]) => {
    expect(conflict(submitted, command)).toBe(`task-1 exists with other content: ${fields}`);
  });

  test('with other content says what to do about it, for an id and for a key', () => {
    const keyed = { idempotency_key: 'nightly' };
    expect(when(submitted, submit()).refusal?.hint).toContain('--id');
    expect(when(story(submit(keyed)), submit({ ...keyed, type: 'other' })).refusal?.hint).toContain('key');
  });
});

describe('a submit', () => {
  test('for a moment that has passed is ready at once', () => {
    expect(story(submit({ not_before: '2027-01-31T08:59:59Z' })).task).toMatchObject({
      status: 'queued',
      ready_at: T0,
    });
    expect(story(submit({ delay_seconds: 0 })).task.status).toBe('queued');
    expect(story(submit()).events[0]).not.toHaveProperty('due_at');
  });

  test('for a moment to come waits for it, in whatever zone it is said', () => {
    expect(story(submit({ not_before: '2027-01-31T10:01:00+01:00' })).task).toMatchObject({
      status: 'scheduled',
      due_at: T0 + MINUTE,
      why: 'delay',
    });
  });
});

describe('a failure', () => {
  test('is final where no backoff is given, whatever attempts are left', () => {
    expect(when(begun, fail()).task).toMatchObject({ status: 'failed', reason: 'it broke', failed_at: begun.now });
  });

  test('with backoff is followed by another attempt, after a wait', () => {
    expect(when(begun, fail({ backoff })).task).toMatchObject({
      status: 'scheduled',
      why: 'backoff',
      due_at: begun.now + 10 * SECOND,
    });
  });

  test('waits longer after each failure, and at random around that', () => {
    const second = story(submit(), claim(), fail({ backoff }), 10 * SECOND, claim());
    expect(when(second, fail({ backoff, attempt: 2 })).task).toMatchObject({ due_at: second.now + 20 * SECOND });
    expect(when(second, fail({ backoff, attempt: 2 }), 0, 0).task).toMatchObject({ due_at: second.now + 16 * SECOND });
  });

  test('of the last attempt is final, backoff or not', () => {
    const only = story(submit({ max_attempts: 1 }), claim());
    expect(when(only, fail({ backoff })).task?.status).toBe('failed');
  });

  test('said twice in the same words is quiet, in others it is refused', () => {
    const failed = story(submit(), claim(), fail({ attempt: 1 }));
    expect(when(failed, fail({ attempt: 1 }))).toEqual({ changed: false, events: [], task: failed.task });
    expect(when(failed, fail())).toEqual({ changed: false, events: [], task: failed.task });
    expect(conflict(failed, fail({ attempt: 1, reason: 'something else' }))).toMatch(/already failed/);
    expect(conflict(failed, fail({ attempt: 2 }))).toMatch(/already failed/);
  });

  test('said twice is quiet for the last attempt only', () => {
    const failed = story(submit(), claim(), fail({ backoff }), MINUTE, claim(), fail({ attempt: 2 }));
    expect(when(failed, fail({ attempt: 2 })).refusal).toBeUndefined();
    expect(conflict(failed, fail({ attempt: 1 }))).toMatch(/already failed/);
  });
});

describe('how often a task may fail', () => {
  const roles = { ...submit(), max_attempts: 1 };

  test('is what its role says, where its envelope says nothing', () => {
    expect(when(story(roles, claim()), fail({ backoff })).task?.status).toBe('failed');
    expect(when(story(roles, claim(), fail(), retry, claim()), elapse, MINUTE).task?.status).toBe('failed');
  });

  test('is what its envelope says, whatever its role says', () => {
    const own = { ...submit({ max_attempts: 2 }), max_attempts: 1 };
    expect(when(story(own, claim()), fail({ backoff })).task?.status).toBe('scheduled');
  });

  test('is no part of what was submitted, where the role says it', () => {
    expect(when(story(roles), submit())).toMatchObject({ changed: false, events: [] });
    expect(when(story(roles), { ...submit(), max_attempts: 5 }).refusal).toBeUndefined();
    expect(conflict(story(roles), submit({ max_attempts: 1 }))).toMatch(/exists with other content/);
  });
});

describe('towards max_attempts', () => {
  const two = submit({ max_attempts: 2 });

  test('counts an attempt that failed', () => {
    const second = story(two, claim(), fail({ backoff }), MINUTE, claim());
    expect(when(second, fail({ attempt: 2, backoff })).task?.status).toBe('failed');
  });

  test('counts an attempt whose lease ended', () => {
    const second = story(two, claim(), MINUTE, claim());
    expect(when(second, fail({ attempt: 2, backoff })).task?.status).toBe('failed');
    expect(when(second, elapse, MINUTE).task?.status).toBe('failed');
  });

  test('counts neither one that was given back nor one that was put off', () => {
    const third = story(two, claim(), release(), claim(), release({ attempt: 2, backoff }), MINUTE, claim());
    expect(when(third, fail({ attempt: 3, backoff })).task?.status).toBe('scheduled');
    expect(when(third, elapse, MINUTE).task?.status).toBe('queued');
  });
});

describe('a task that is given back', () => {
  test('is ready at once, and its attempt is released', () => {
    const { task } = when(begun, release());
    expect(task).toMatchObject({ status: 'queued', ready_at: begun.now });
    expect(last(task)).toMatchObject({ outcome: 'released', reason: 'given back', ended_at: begun.now });
  });

  test('with backoff is put off, longer each time in a row', () => {
    const second = story(submit(), claim(), release({ backoff }), 10 * SECOND, claim());
    const { task } = when(second, release({ attempt: 2, backoff }));
    expect(task).toMatchObject({ status: 'scheduled', why: 'backoff', due_at: second.now + 20 * SECOND });
    expect(last(task)).toMatchObject({ outcome: 'deferred' });
  });

  test('waits as after the first time, once something else came between', () => {
    const third = story(
      submit(),
      claim(),
      release({ backoff }),
      MINUTE,
      claim(),
      fail({ attempt: 2, backoff }),
      MINUTE,
      claim(),
    );
    expect(when(third, release({ attempt: 3, backoff })).task).toMatchObject({ due_at: third.now + 10 * SECOND });
  });

  test('lengthens no wait after a failure', () => {
    const second = story(submit(), claim(), release({ backoff }), MINUTE, claim());
    expect(when(second, fail({ attempt: 2, backoff })).task).toMatchObject({ due_at: second.now + 10 * SECOND });
  });
});

describe('a task that is given back several times in a row', () => {
  /** Given back so often before, and then once more. */
  const again = (before: number) =>
    when(story(submit(), ...handBacks(before), claim()), release({ attempt: before + 1 }));

  test.for([0, 1])('is ready at once after %i others', (before) => {
    expect(again(before).task).toMatchObject({ status: 'queued' });
  });

  test('goes behind the others from the third time on, for longer each time', () => {
    const waits = [2, 3, 4, 20].map((before) => {
      const { task, events } = again(before);
      expect(task).toMatchObject({ status: 'scheduled', why: 'backoff' });
      return (task as TaskIn<'scheduled'>).due_at - events.at(-1)!.at;
    });
    expect(waits).toEqual([5 * SECOND, 10 * SECOND, 20 * SECOND, 5 * MINUTE]);
  });

  test('that costs no attempt', () => {
    const { task } = story(submit({ max_attempts: 1 }), ...handBacks(5), claim());
    expect(task).toMatchObject({ status: 'working' });
  });

  test('is ready at once again after an attempt that counted', () => {
    const failed = story(submit(), ...handBacks(3), claim(), fail({ attempt: 4, backoff }), MINUTE, claim());
    expect(when(failed, release({ attempt: 5 })).task).toMatchObject({ status: 'queued' });
  });
});

describe(`a task is begun ${MAX_STARTS} times at most without a person:`, () => {
  const attempt = MAX_STARTS;
  const hundredth = story(submit({ max_attempts: 1_000 }), ...handBacks(attempt - 1), claim());

  test('up to then it may be given back', () => {
    const before = story(submit(), ...handBacks(attempt - 2), claim());
    expect(when(before, release({ attempt: attempt - 1 })).task?.status).toBe('scheduled');
  });

  test.for<[string, Command, number]>([
    ['given back', release({ attempt }), 0],
    ['put off', release({ attempt, backoff }), 0],
    ['failed', fail({ attempt, backoff }), 0],
    ['left by its worker', elapse, MINUTE],
  ])('%s for the last time it is a dead letter', ([, command, wait]) => {
    expect(when(hundredth, command, wait).task?.status).toBe('failed');
  });

  test('the reason then says so', () => {
    expect(when(hundredth, release({ attempt })).task).toMatchObject({
      reason: `given back; it was started ${MAX_STARTS} times and is not started again`,
    });
  });

  test('a person may have it begun as often again', () => {
    const retried = story(submit(), ...handBacks(attempt), retry, claim());
    expect(when(retried, release({ attempt: attempt + 1 })).task?.status).toBe('queued');
  });
});

describe('a retry of a dead letter', () => {
  const dead = story(submit({ max_attempts: 2 }), claim(), fail({ backoff }), MINUTE, claim(), fail({ attempt: 2 }));

  test('forgives the attempts before it, and goes on with their numbers', () => {
    const third = story(submit({ max_attempts: 2 }), claim(), fail(), SECOND, retry, claim());
    expect(third.task).toMatchObject({ lease: { attempt: 2 }, forgiven: 1 });
    expect(when(third, fail({ attempt: 2, backoff })).task?.status).toBe('scheduled');
  });

  test('forgets the waits before it', () => {
    const third = story(submit(), claim(), fail({ backoff }), MINUTE, claim(), fail({ attempt: 2 }), retry, claim());
    expect(when(third, fail({ attempt: 3, backoff })).task).toMatchObject({ due_at: third.now + 10 * SECOND });
  });

  test('makes it ready at once', () => {
    expect(when(dead, retry, SECOND).task).toMatchObject({ status: 'queued', ready_at: dead.now + SECOND });
  });

  test('gives an expired one its whole TTL again', () => {
    const retried = story(submit({ ttl_seconds: 60 }), 5 * MINUTE, elapse, retry);
    expect(when(retried, claim(), MINUTE - 1).task?.status).toBe('working');
    expect(when(retried, claim(), MINUTE).task?.status).toBe('expired');
  });

  test('gives a failed one its whole TTL again', () => {
    const retried = story(submit({ ttl_seconds: 60 }), claim(), fail(), 5 * MINUTE, retry);
    expect(when(retried, elapse, MINUTE - 1).task?.status).toBe('queued');
    expect(when(retried, elapse, MINUTE).task?.status).toBe('expired');
  });

  test('lets nobody complete it without a claim, where it was begun before', () => {
    expect(conflict(story(submit(), claim(), fail(), retry), complete())).toMatch(/its last lease has ended/);
  });

  test('takes one out again that was dismissed, and forgets that it was', () => {
    const { task } = when(story(submit(), fail(), dismiss), retry);
    expect(task).toMatchObject({ status: 'queued' });
    expect(task).not.toHaveProperty('dismissed_at');
  });
});

test('a dismissed dead letter stays failed, and keeps when it was first dismissed', () => {
  const dismissed = story(submit(), fail(), SECOND, dismiss);
  expect(when(dismissed, dismiss, SECOND)).toEqual({ changed: false, events: [], task: dismissed.task });
  expect(dismissed.task).toMatchObject({ status: 'failed', dismissed_at: T0 + SECOND });
});

describe('a cancel', () => {
  test('is final at once, also for a running task, and ends its attempt', () => {
    const { task } = when(begun, cancel({ reason: 'not wanted any more' }));
    expect(task).toMatchObject({ status: 'cancelled', by: 'coordinator', reason: 'not wanted any more' });
    expect(last(task)).toMatchObject({ outcome: 'cancelled', ended_at: begun.now });
  });

  test('is quiet the second time, and the first reason stands', () => {
    const cancelled = story(submit(), claim(), cancel({ reason: 'first' }));
    expect(when(cancelled, cancel({ reason: 'second', by: 'operator' }))).toEqual({
      changed: false,
      events: [],
      task: cancelled.task,
    });
  });

  test('of a task that has ended is refused', () => {
    expect(conflict(story(submit(), complete()), cancel())).toMatch(/is completed and cannot be cancelled/);
  });

  test('leaves no lease that could end', () => {
    expect(when(story(submit(), claim(), cancel()), elapse, 60 * MINUTE).events).toEqual([]);
  });

  test('is acknowledged once, by the attempt that it ended', () => {
    const cancelled = story(submit(), claim(), SECOND, cancel());
    const stopped = when(cancelled, acknowledge(1), SECOND);
    expect(stopped.task).toMatchObject({ status: 'cancelled', stopped_at: cancelled.now + SECOND });
    expect(when({ ...cancelled, task: stopped.task! }, acknowledge(1), MINUTE)).toEqual({
      changed: false,
      events: [],
      task: stopped.task,
    });
  });

  test('is not acknowledged by another attempt, nor for a task that nobody began', () => {
    expect(conflict(story(submit(), claim(), release(), claim('w2'), cancel()), acknowledge(1))).toMatch(
      /was not cancelled/,
    );
    expect(conflict(story(submit(), cancel()), acknowledge(1))).toMatch(/was not cancelled/);
  });
});

test('no more than 100 refusals of a task are recorded, and the next ones are refused all the same', () => {
  let { task } = story(submit(), complete());
  let written = 0;
  for (let n = 0; n < 150; n++) {
    const decision = when({ task, now: T0 + n, events: [] }, complete({ summary: `another ${n}` }));
    expect(decision.refusal?.code).toBe('conflict');
    written += decision.events.length;
    task = decision.task!;
  }
  expect(written).toBe(100);
  expect(task).toMatchObject({ status: 'completed', refused: 100, updated_at: T0 + 99 });
});

test('the events of a decision bear the id of the task and the moment of the command', () => {
  const { events } = when(story(submit({ task_id: 'another' })), claim(), SECOND);
  expect(events).toMatchObject([{ v: 1, task_id: 'another', at: T0 + SECOND }]);
});
