import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/core/task/decision/command.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import { MAX_STARTS } from '../../src/core/task/retry.ts';
import type { Task, TaskIn } from '../../src/core/task/task.ts';
import {
  acknowledge,
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  edit,
  elapse,
  evidence,
  fail,
  handBacks,
  MINUTE,
  redo,
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
/** The lease of w1 has ended and w2 holds the task: attempt 1 is stale. */
const overtaken = story(submit(), claim('w1'), MINUTE, claim('w2'), SECOND);
const ended = story(submit(), claim('w1'), MINUTE, elapse, SECOND);

/** Every command that reports on an attempt. */
const reports: [string, (more: { by?: string; attempt?: number }) => Command][] = [
  ['renew', renew],
  ['complete', complete],
  ['fail', fail],
  ['release', release],
];
const types = (decision: { events: readonly { type: string }[] }) => decision.events.map(({ type }) => type);
const last = (task: Task | undefined) => task?.attempts.at(-1);

/** Checks that the command does not change the task. @returns the reason of its conflict, if it is refused as one */
function conflict(given: Story, command: Command, wait = 0): string | undefined {
  const { refusal, task } = when(given, command, wait);
  expect(untouched(task)).toEqual(untouched(when(given, elapse, wait).task));
  return refusal?.code === 'conflict' ? refusal.message : undefined;
}

describe.for(reports)('%s', ([, report]) => {
  test('is accepted from the role without a number if there was only one attempt', () => {
    expect(when(begun, report({})).refusal).toBeUndefined();
  });

  test('is accepted from the worker that holds the lease', () => {
    expect(when(begun, report({ by: 'w1' })).refusal).toBeUndefined();
    expect(when(overtaken, report({ by: 'w2', attempt: 2 })).refusal).toBeUndefined();
  });

  test('is accepted with the number of the attempt that holds the lease', () => {
    expect(when(overtaken, report({ attempt: 2 })).events).toMatchObject([{ attempt: 2 }]);
  });

  test('is refused without a number if there was more than one attempt', () => {
    expect(conflict(overtaken, report({}))).toMatch(/none of them is named/);
  });

  test('is accepted without a number from the worker that holds the lease, if it has had no other attempt', () => {
    expect(when(overtaken, report({ by: 'w2' })).events).toMatchObject([{ attempt: 2 }]);
    expect(conflict(overtaken, report({ by: 'w1' }))).toMatch(/none of them is named/);
    const again = story(submit(), claim('w1'), MINUTE, claim('w1'), SECOND);
    expect(conflict(again, report({ by: 'w1' }))).toMatch(/none of them is named/);
    const named = story(submit(), claim('w1'), MINUTE, claim(ROLE), SECOND);
    expect(conflict(named, report({ by: ROLE }))).toMatch(/none of them is named/);
    const restored = story(submit(), claim('w1'), { type: 'restore', epoch: 1, since: 0 }, claim('w2'));
    expect(conflict(restored, report({ by: 'w2' }))).toMatch(/none of them is named/);
  });

  test('is refused with the number of an attempt that lost its lease', () => {
    expect(conflict(overtaken, report({ attempt: 1 }))).toMatch(
      /attempt 1 of task-1 lost its lease; attempt 2 holds it now/,
    );
    expect(conflict(overtaken, report({ attempt: 1, by: 'w2' }))).toMatch(/lost its lease/);
  });

  test('is refused with an unused attempt number', () => {
    expect(conflict(begun, report({ attempt: 2 }))).toMatch(/^there is no attempt 2 of task-1; attempt 1 holds it now/);
    expect(conflict(overtaken, report({ attempt: 3 }))).toMatch(
      /^there is no attempt 3 of task-1; attempt 2 holds it now/,
    );
    expect(conflict(ended, report({ attempt: 7 }))).toMatch(/there is no attempt 7/);
  });

  test('is a wrong command, not a conflict, under another name with the attempt that holds the lease', () => {
    const { events, refusal } = when(begun, report({ by: 'w2', attempt: 1 }));
    expect({ events, code: refusal?.code }).toEqual({ events: [], code: 'usage' });
    expect(refusal).toMatchObject({ message: 'task-1 is held by w1, not by w2' });
  });

  test('is refused from other workers and roles', () => {
    expect(conflict(begun, report({ by: 'reviewer' }))).toMatch(/was sent to implementer, not to reviewer/);
    expect(conflict(story(submit()), report({ by: 'reviewer' }))).toMatch(/was sent to implementer, not to reviewer/);
  });

  test('is refused without a number after a restore, and the refusal names an attempt only if there was one', () => {
    const restored = story(submit(), { type: 'restore', epoch: 1, since: 0 });
    expect(conflict(restored, report({}))).toMatch(/no worker has claimed it since the store was restored/);
    const retrying = story(submit(), claim(), fail({ backoff }));
    expect(conflict(retrying, report({}))).toMatch(/its last attempt has failed/);
  });

  test('is refused after the end of the lease, also without another claim', () => {
    expect(conflict(begun, report({ attempt: 1 }), MINUTE - SECOND)).toMatch(/attempt 1 no longer holds it/);
    expect(conflict(begun, report({}), MINUTE - SECOND)).toMatch(/its last lease has ended/);
    expect(conflict(ended, report({ attempt: 1 }))).toMatch(/attempt 1 no longer holds it/);
  });

  test('is accepted until the last ms of the lease', () => {
    expect(when(begun, report({ attempt: 1 }), MINUTE - SECOND - 1).refusal).toBeUndefined();
  });

  test('is refused after a cancellation, with its reason', () => {
    const cancelled = story(submit(), claim(), cancel({ reason: 'not needed' }));
    expect(when(cancelled, report({ attempt: 1 }))).toMatchObject({
      refusal: { code: 'cancelled', message: 'task-1 was cancelled by coordinator: not needed' },
      changed: false,
    });
  });
});

describe('the hint of a refusal says what to do:', () => {
  test.for<[string, Story, Command, string]>([
    ['stop, after a cancellation', story(submit(), cancel()), complete(), 'stop working on it'],
    ['show the task, if it has ended', story(submit(), fail()), complete(), 'agentq show task-1'],
    ['claim again, if the lease has ended', ended, complete(), 'claim it again: agentq claim --as implementer'],
    ['claim first, if the task was not claimed', story(submit()), renew(), 'claim it first'],
    ['name the attempt, if there were several', overtaken, complete(), '--attempt N'],
    ['use the role', story(submit()), complete({ by: 'reviewer' }), '--from implementer'],
    [
      'read the result, if there is one',
      story(submit(), complete()),
      complete({ summary: 'no' }),
      'agentq result task-1',
    ],
  ])('%s', ([, given, command, hint]) => {
    expect(when(given, command).refusal?.hint).toContain(hint);
  });
});

describe('a command of a stale attempt', () => {
  test.for(reports.filter(([type]) => type === 'complete' || type === 'fail'))('is recorded: %s', ([type, report]) => {
    expect(when(overtaken, report({ attempt: 1, by: 'w1' }))).toMatchObject({
      events: [{ type: 'refused', command: type, by: 'w1', attempt: 1, at: overtaken.now }],
      task: { refused: 1, status: 'working' },
    });
  });

  test.for(reports.filter(([type]) => type === 'renew' || type === 'release'))('is not recorded: %s', ([, report]) => {
    expect(when(overtaken, report({ attempt: 1, by: 'w1' })).events).toEqual([]);
  });
});

describe('events of time come before the command:', () => {
  test('the end of a lease is in the log before the refusal that follows from it', () => {
    expect(types(when(begun, complete({ attempt: 1 }), MINUTE))).toEqual(['lease-expired', 'refused']);
  });

  test('a claim gets a task whose lease has just ended, with the next number', () => {
    const decision = when(begun, claim('w2'), MINUTE);
    expect(types(decision)).toEqual(['lease-expired', 'claimed']);
    expect(decision.task).toMatchObject({ status: 'working', lease: { attempt: 2, worker: 'w2' } });
  });

  test('a task whose TTL has passed is not claimed', () => {
    const decision = when(story(submit({ ttl_seconds: 60 })), claim(), MINUTE);
    expect(types(decision)).toEqual(['expired']);
    expect(decision).toMatchObject({ refusal: { code: 'conflict' }, task: { status: 'expired' } });
  });

  test('a delayed task can be claimed at the end of its delay, not before', () => {
    const delayed = story(submit({ delay_seconds: 5 }));
    expect(when(delayed, claim(), 5 * SECOND - 1).refusal?.code).toBe('conflict');
    expect(types(when(delayed, claim(), 5 * SECOND))).toEqual(['became-due', 'claimed']);
  });
});

test('an event of time is not a change of the command', () => {
  const withTtl = submit({ ttl_seconds: 60 });
  const decision = when(story(withTtl), withTtl, MINUTE);
  expect(types(decision)).toEqual(['expired']);
  expect(decision).toMatchObject({ changed: false, task: { status: 'expired' } });
  expect(when(begun, claim('w2'), MINUTE).changed).toBe(true);
});

describe('a claim', () => {
  test('takes the next number and a lease from now on', () => {
    expect(when(story(submit(), claim(), release(), SECOND), claim('w2', 7 * SECOND)).task).toMatchObject({
      status: 'working',
      lease: { attempt: 2, worker: 'w2', expires_at: T0 + 8 * SECOND },
    });
  });

  test('of a claimed task is refused', () => {
    expect(conflict(begun, claim('w2'))).toMatch(/task-1 is working, not queued/);
  });
});

test('a renewal sets the lease to the given length from now on', () => {
  expect(when(begun, renew({ lease: 5 * MINUTE })).task).toMatchObject({
    lease: { attempt: 1, worker: 'w1', expires_at: begun.now + 5 * MINUTE },
  });
});

describe('without a claim', () => {
  const queued = story(submit());

  test('the role completes a task that was not claimed', () => {
    expect(when(queued, complete()).task).toMatchObject({
      status: 'completed',
      completion: { attempt: 1, by: ROLE, summary: 'done' },
    });
  });

  test('the role cannot complete a task before the end of its delay, and its submitter can', () => {
    const delayed = story(submit({ delay_seconds: 3600 }));
    expect(when(delayed, complete())).toMatchObject({
      refusal: {
        code: 'conflict',
        message: 'task-1 is not due until 2027-01-31T10:00:00.000Z',
        hint: 'only its submitter may complete it before: --from coordinator',
      },
      task: { status: 'scheduled' },
    });
    expect(conflict(delayed, complete({ by: 'reviewer' }))).toMatch(/was sent to implementer/);
    expect(when(delayed, complete(), 60 * MINUTE).task?.status).toBe('completed');
    expect(when(delayed, complete({ by: 'coordinator' })).task).toMatchObject({
      status: 'completed',
      completion: { attempt: 1, by: 'coordinator' },
      attempts: [{ worker: 'coordinator' }],
    });
  });

  test('a backoff is no delay: the refusal says why its worker no longer holds the task', () => {
    const failed = story(submit(), claim('w1'), fail({ backoff }));
    expect(conflict(failed, complete({ attempt: 1 }))).toMatch(/attempt 1 no longer holds it/);
    expect(conflict(failed, complete({ by: 'coordinator' }))).toMatch(/was sent to implementer/);
  });

  test('a failure can lead to another attempt, and counts', () => {
    const failed = when(story(submit({ max_attempts: 2 })), fail({ backoff }));
    expect(failed.task).toMatchObject({ status: 'scheduled', attempts: [{ number: 1, outcome: 'failed' }] });
  });

  test('a command with an unused attempt number is refused', () => {
    expect(conflict(queued, complete({ attempt: 1 }))).toMatch(/there is no attempt 1/);
  });

  test('the role cannot complete a task that was claimed before', () => {
    expect(conflict(ended, complete())).toMatch(/its last lease has ended/);
    expect(conflict(story(submit(), claim(), release()), complete())).toMatch(/its last attempt was given back/);
  });

  test('a renewal and a release are refused', () => {
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
    ['the same values', first],
    ['the same values without the attempt number', complete({ result, artifacts })],
    ['the same values with the artifacts in another order', complete({ result, artifacts: artifacts.toReversed() })],
    ['the same values with other paths', complete({ result: { ...result, path: 'results/elsewhere.md' }, artifacts })],
  ])('with %s changes nothing', ([, command]) => {
    expect(when(completed, command)).toEqual({ changed: false, events: [], task: completed.task });
  });

  test.for<[string, Command]>([
    ['another summary', complete({ result, artifacts, summary: 'undone' })],
    ['no summary', complete({ result, artifacts, summary: undefined })],
    ['another result', complete({ result: evidence('result', 'another text'), artifacts })],
    ['no result', complete({ artifacts })],
    ['a missing artifact', complete({ result, artifacts: artifacts.slice(1) })],
    ['an artifact with other content', complete({ result, artifacts: [evidence('patch', 'worse'), evidence('log')] })],
  ])('with %s is refused and recorded, and the first one is kept', ([, command]) => {
    expect(conflict(completed, command)).toMatch(/already completed by implementer, with another outcome/);
    expect(types(when(completed, command))).toEqual(['refused']);
  });
});

describe('a completion of a task with expected artifacts', () => {
  const expecting = story(submit({ expected_output: { artifacts: ['patch', 'summary'] } }), claim());

  test('is accepted with all of them', () => {
    const artifacts = [evidence('patch'), evidence('summary')];
    expect(when(expecting, complete({ artifacts, summary: undefined })).task?.status).toBe('completed');
  });

  test('is accepted if its summary replaces the artifact with the name summary', () => {
    expect(when(expecting, complete({ artifacts: [evidence('patch')] })).task?.status).toBe('completed');
  });

  test('is refused if one is missing, with its name, and the lease is kept', () => {
    expect(when(expecting, complete())).toEqual({
      refusal: {
        code: 'missing-artifacts',
        message: 'task-1 promised artifacts that are missing or empty: patch',
        hint: '--artifact patch=PATH',
      },
      changed: false,
      events: [],
      task: expecting.task,
    });
  });

  test('is refused if one is empty', () => {
    expect(when(expecting, complete({ artifacts: [evidence('patch', '')] })).refusal?.code).toBe('missing-artifacts');
  });

  test('of a stale attempt is refused as a conflict, also without the artifacts', () => {
    const stale = story(submit({ expected_output: { artifacts: ['patch'] } }), claim(), MINUTE, claim('w2'));
    expect(when(stale, complete({ attempt: 1 })).refusal?.code).toBe('conflict');
  });
});

describe('a completion that delivers nothing', () => {
  const nothing = complete({ summary: undefined });

  test.for([
    ['has neither summary nor result nor artifact', nothing],
    ['has a blank summary', complete({ summary: ' ' })],
    ['has only files without content', { ...nothing, result: evidence('result', ''), artifacts: [evidence('a', '')] }],
  ] as const)('is refused if it %s, and the lease is kept', ([, command]) => {
    expect(when(begun, command)).toMatchObject({ refusal: { code: 'usage' }, changed: false, events: [] });
    expect(when(begun, command).refusal?.hint).toMatch(/--summary .* --empty/);
  });

  test('is accepted if the worker states that it is empty, and marked', () => {
    const { events, task } = when(begun, { ...nothing, empty: true });
    expect(events).toMatchObject([{ type: 'completed', empty: true }]);
    expect(task).toMatchObject({ status: 'completed', completion: { empty: true } });
  });

  test('still lacks the expected artifacts', () => {
    const expecting = story(submit({ expected_output: { artifacts: ['patch'] } }), claim());
    expect(when(expecting, { ...nothing, empty: true }).refusal?.code).toBe('missing-artifacts');
  });

  test('is a repetition if nothing was delivered before', () => {
    const empty = story(submit(), claim(), { ...nothing, empty: true });
    expect(when(empty, nothing)).toMatchObject({ changed: false, events: [] });
  });
});

describe('a second submit of an id', () => {
  const context = evidence('context', 'the text', 'tasks/task-1.md');
  const submitted = story(submit({ context_ref: context.path, labels: { a: 1, b: [2], c: null } }, context));

  test('with the same content changes nothing, in every status', () => {
    const again = submit({ labels: { c: null, b: [2], a: 1 }, context_ref: context.path }, context);
    expect(when(submitted, again)).toEqual({ changed: false, events: [], task: submitted.task });
    expect(when(story(submit(), claim(), complete()), submit()).refusal).toBeUndefined();
  });

  test('with the same context under another path changes nothing', () => {
    const path = 'tasks/elsewhere.md';
    const again = submit(
      { labels: { a: 1, b: [2], c: null }, context_ref: path },
      { ...context, path, name: 'elsewhere' },
    );
    expect(when(submitted, again)).toEqual({ changed: false, events: [], task: submitted.task });
  });

  test.for<[string, string, Command]>([
    [
      'another context under the same path',
      'context',
      submit({ context_ref: context.path, labels: { a: 1, b: [2], c: null } }, evidence('context', 'other')),
    ],
    ['no context', 'context', submit({ labels: { a: 1, b: [2], c: null } })],
    [
      'other instructions',
      'instructions',
      submit({ instructions: 'do not', labels: { a: 1, b: [2], c: null } }, context),
    ],
    ['another value of an unknown field', 'labels', submit({ labels: { a: 1, b: [3], c: null } }, context)],
    [
      'another role and type',
      'to, type',
      submit({ to: 'reviewer', type: 'x', labels: { a: 1, b: [2], c: null } }, context),
    ],
  ])('with %s is refused, and names the fields', ([, fields, command]) => {
    expect(conflict(submitted, command)).toBe(`task-1 exists with other content: ${fields}`);
  });

  test('without a field that only version 0.1 accepted changes nothing', () => {
    expect(when(story(submit({ project: 'x' })), submit()).refusal).toBeUndefined();
  });

  test('with other content has a hint for an id and for a key', () => {
    const keyed = { idempotency_key: 'nightly' };
    expect(when(submitted, submit()).refusal?.hint).toContain('--id');
    expect(when(story(submit(keyed)), submit({ ...keyed, type: 'other' })).refusal?.hint).toContain('key');
  });
});

describe('a submit', () => {
  test('with a time in the past is ready at once', () => {
    expect(story(submit({ not_before: '2027-01-31T08:59:59Z' })).task).toMatchObject({
      status: 'queued',
      ready_at: T0,
    });
    expect(story(submit({ delay_seconds: 0 })).task.status).toBe('queued');
    expect(story(submit()).events[0]).not.toHaveProperty('due_at');
  });

  test('with a time in the future waits for it, in any time zone', () => {
    expect(story(submit({ not_before: '2027-01-31T10:01:00+01:00' })).task).toMatchObject({
      status: 'scheduled',
      due_at: T0 + MINUTE,
      why: 'delay',
    });
  });
});

describe('a failure', () => {
  test('is final without a backoff, also if attempts are left', () => {
    expect(when(begun, fail()).task).toMatchObject({ status: 'failed', reason: 'it broke', failed_at: begun.now });
  });

  test('with a backoff leads to another attempt after a wait', () => {
    expect(when(begun, fail({ backoff })).task).toMatchObject({
      status: 'scheduled',
      why: 'backoff',
      due_at: begun.now + 10 * SECOND,
    });
  });

  test('waits longer after each failure, with jitter', () => {
    const second = story(submit(), claim(), fail({ backoff }), 10 * SECOND, claim());
    expect(when(second, fail({ backoff, attempt: 2 })).task).toMatchObject({ due_at: second.now + 20 * SECOND });
    expect(when(second, fail({ backoff, attempt: 2 }), 0, 0).task).toMatchObject({ due_at: second.now + 16 * SECOND });
  });

  test('of the last attempt is final, also with a backoff', () => {
    const only = story(submit({ max_attempts: 1 }), claim());
    expect(when(only, fail({ backoff })).task?.status).toBe('failed');
  });

  test('changes nothing if it is repeated, and is refused with another reason', () => {
    const failed = story(submit(), claim(), fail({ attempt: 1 }));
    expect(when(failed, fail({ attempt: 1 }))).toEqual({ changed: false, events: [], task: failed.task });
    expect(when(failed, fail())).toEqual({ changed: false, events: [], task: failed.task });
    expect(conflict(failed, fail({ attempt: 1, reason: 'something else' }))).toMatch(/already failed/);
    expect(conflict(failed, fail({ attempt: 2 }))).toMatch(/already failed/);
  });

  test('can be repeated only for the last attempt', () => {
    const failed = story(submit(), claim(), fail({ backoff }), MINUTE, claim(), fail({ attempt: 2 }));
    expect(when(failed, fail({ attempt: 2 })).refusal).toBeUndefined();
    expect(conflict(failed, fail({ attempt: 1 }))).toMatch(/already failed/);
  });
});

describe('the maximum of attempts', () => {
  const roles = { ...submit(), max_attempts: 1 };

  test('is the value of the role if the envelope has none', () => {
    expect(when(story(roles, claim()), fail({ backoff })).task?.status).toBe('failed');
    expect(when(story(roles, claim(), fail(), retry, claim()), elapse, MINUTE).task?.status).toBe('failed');
  });

  test('is the value of the envelope, also if the role has one', () => {
    const own = { ...submit({ max_attempts: 2 }), max_attempts: 1 };
    expect(when(story(own, claim()), fail({ backoff })).task?.status).toBe('scheduled');
  });

  test('of the role is not part of the submitted content', () => {
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

  test('counts neither a released nor a deferred attempt', () => {
    const third = story(two, claim(), release(), claim(), release({ attempt: 2, backoff }), MINUTE, claim());
    expect(when(third, fail({ attempt: 3, backoff })).task?.status).toBe('scheduled');
    expect(when(third, elapse, MINUTE).task?.status).toBe('queued');
  });
});

describe('a released task', () => {
  test('is ready at once, and its attempt is released', () => {
    const { task } = when(begun, release());
    expect(task).toMatchObject({ status: 'queued', ready_at: begun.now });
    expect(last(task)).toMatchObject({ outcome: 'released', reason: 'given back', ended_at: begun.now });
  });

  test('with a backoff is deferred, longer each consecutive time', () => {
    const second = story(submit(), claim(), release({ backoff }), 10 * SECOND, claim());
    const { task } = when(second, release({ attempt: 2, backoff }));
    expect(task).toMatchObject({ status: 'scheduled', why: 'backoff', due_at: second.now + 20 * SECOND });
    expect(last(task)).toMatchObject({ outcome: 'deferred' });
  });

  test('waits as after the first time if another kind of end came between', () => {
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

  test('does not lengthen the wait after a failure', () => {
    const second = story(submit(), claim(), release({ backoff }), MINUTE, claim());
    expect(when(second, fail({ attempt: 2, backoff })).task).toMatchObject({ due_at: second.now + 10 * SECOND });
  });
});

describe('a task that is released several times in a row', () => {
  /** The decision on a release after this many releases in a row. */
  const again = (before: number) =>
    when(story(submit(), ...handBacks(before), claim()), release({ attempt: before + 1 }));

  test.for([0, 1])('is ready at once after %i earlier releases', (before) => {
    expect(again(before).task).toMatchObject({ status: 'queued' });
  });

  test('waits from the third time on, longer each time', () => {
    const waits = [2, 3, 4, 20].map((before) => {
      const { task, events } = again(before);
      expect(task).toMatchObject({ status: 'scheduled', why: 'backoff' });
      return (task as TaskIn<'scheduled'>).due_at - events.at(-1)!.at;
    });
    expect(waits).toEqual([5 * SECOND, 10 * SECOND, 20 * SECOND, 5 * MINUTE]);
  });

  test('keeps its attempts', () => {
    const { task } = story(submit({ max_attempts: 1 }), ...handBacks(5), claim());
    expect(task).toMatchObject({ status: 'working' });
  });

  test('is ready at once again after an attempt that counted', () => {
    const failed = story(submit(), ...handBacks(3), claim(), fail({ attempt: 4, backoff }), MINUTE, claim());
    expect(when(failed, release({ attempt: 5 })).task).toMatchObject({ status: 'queued' });
  });
});

describe(`a task is started at most ${MAX_STARTS} times without a retry by a person:`, () => {
  const attempt = MAX_STARTS;
  const hundredth = story(submit({ max_attempts: 1_000 }), ...handBacks(attempt - 1), claim());

  test('before that it can be released', () => {
    const before = story(submit(), ...handBacks(attempt - 2), claim());
    expect(when(before, release({ attempt: attempt - 1 })).task?.status).toBe('scheduled');
  });

  test.for<[string, Command, number]>([
    ['released', release({ attempt }), 0],
    ['deferred', release({ attempt, backoff }), 0],
    ['failed', fail({ attempt, backoff }), 0],
    ['abandoned by its worker', elapse, MINUTE],
  ])('%s in its last start it is a dead letter', ([, command, wait]) => {
    expect(when(hundredth, command, wait).task?.status).toBe('failed');
  });

  test('the reason contains the maximum', () => {
    expect(when(hundredth, release({ attempt })).task).toMatchObject({
      reason: `given back; it was started ${MAX_STARTS} times and is not started again`,
    });
  });

  test('after a retry by a person it can be started as often again', () => {
    const retried = story(submit(), ...handBacks(attempt), retry, claim());
    expect(when(retried, release({ attempt: attempt + 1 })).task?.status).toBe('queued');
  });
});

describe('an edit', () => {
  const delayed = story(submit({ delay_seconds: 60 }));

  test('changes the envelope of a task that no worker has had, and keeps the original', () => {
    const { task, events } = when(delayed, edit({ set: { to: 'reviewer', priority: 'high' }, max_attempts: 9 }));
    expect(task).toMatchObject({
      status: 'scheduled',
      envelope: { to: 'reviewer', priority: 'high' },
      original: delayed.task.envelope,
      max_attempts: 9,
    });
    expect(events).toMatchObject([{ v: 2, type: 'edited', was: { to: ROLE, priority: 'normal' } }]);
  });

  test('records only what it changes', () => {
    const { events } = when(delayed, edit({ set: { priority: 'normal', instructions: 'do it well' } }));
    expect(events).toMatchObject([{ set: { instructions: 'do it well' }, was: { instructions: 'do it' } }]);
    expect(Object.keys((events[0] as { set: object }).set)).toEqual(['instructions']);
    expect(when(delayed, edit({ set: { priority: 'normal' } }))).toMatchObject({ changed: false, events: [] });
  });

  test('is refused when a worker has had it, also if it waits again', () => {
    expect(conflict(begun, edit())).toBe('task-1 is in work by w1: it can no longer be edited');
    expect(conflict(story(submit(), claim(), release()), edit())).toMatch(/has had a worker/);
    expect(conflict(story(submit(), claim(), fail({ backoff })), edit())).toMatch(/has had a worker/);
    expect(conflict(story(submit(), claim(), complete()), edit())).toMatch(/is completed/);
  });

  test('cannot let a task expire: its TTL counts from when it was ready', () => {
    const ready = story(submit(), MINUTE);
    expect(conflict(ready, edit({ set: { ttl_seconds: 60 } }))).toMatch(/would have expired already/);
    expect(when(ready, edit({ set: { ttl_seconds: 61 } })).task).toMatchObject({ status: 'queued' });
    const edited = story(submit(), MINUTE, edit({ set: { ttl_seconds: 61 } }));
    expect(when(edited, elapse, SECOND).task).toMatchObject({ status: 'expired' });
  });

  test('that was decided before another one of the same value is refused by the fold', () => {
    const [first] = when(delayed, edit({ set: { priority: 'high' } })).events;
    const [second] = when(delayed, edit({ set: { priority: 'low' } })).events;
    const { task } = evolve(delayed.task, first!);
    expect(evolve(task, second!).refused).toBe('it was edited meanwhile');
  });

  test('of the priority makes a claim by the former priority fail, also in the fold', () => {
    const claims = { ...claim(), priority: 'normal' } as const;
    const [claimed] = when(story(submit()), claims).events;
    const edited = story(submit(), edit());
    expect(conflict(edited, claims)).toBe('the priority of task-1 was changed to high');
    expect(evolve(edited.task, claimed!).refused).toBe('it was edited');
    expect(when(edited, { ...claims, priority: 'high' }).task?.status).toBe('working');
  });

  test('of the role makes a claim of the former role fail', () => {
    const moved = story(submit(), edit({ set: { to: 'reviewer' } }));
    expect(conflict(moved, { ...claim(), role: ROLE })).toBe('task-1 is for reviewer, not for implementer');
    expect(when(moved, { ...claim(), role: 'reviewer' }).task?.status).toBe('working');
  });
});

describe('a redo of a completed task', () => {
  const result = evidence('result');
  const completed = story(submit({ max_attempts: 1 }), claim(), complete({ result }), SECOND);

  test('queues it, keeps its outcome, and forgives the attempts before it', () => {
    expect(when(completed, redo).task).toMatchObject({
      status: 'queued',
      redone: [{ by: 'coordinator', reason: 'its result was lost', completion: { summary: 'done', result } }],
    });
    const again = story(submit({ max_attempts: 1 }), claim(), complete({ result }), redo, claim());
    expect(again.task).toMatchObject({ lease: { attempt: 2 }, forgiven: 1 });
    const twice = when(again, complete({ attempt: 2, summary: 'second' }));
    expect(twice.task).toMatchObject({ status: 'completed', completion: { summary: 'second' }, redone: [{}] });
  });

  test('is refused for every other status, and says what to do instead', () => {
    const hint = (given: Story) => when(given, redo).refusal?.hint;
    expect(hint(story(submit()))).toMatch(/agentq show task-1/);
    expect(hint(begun)).toMatch(/agentq wait task-1/);
    expect(hint(story(submit(), claim(), fail()))).toBe('agentq dlq retry task-1');
    expect(hint(story(submit(), cancel()))).toMatch(/submit it again/);
  });

  test('the worker of the former attempt holds nothing', () => {
    const redone = story(submit(), claim('w1'), complete(), redo);
    expect(conflict(redone, complete({ attempt: 1 }))).toMatch(/attempt 1 no longer holds it/);
    expect(conflict(redone, complete())).toMatch(/its outcome no longer counts/);
  });

  test('of a restored store gives attempt numbers that no lost attempt has', () => {
    const { task } = decide(completed.task, redo, { now: completed.now, random: () => 0.5, epoch: 2 });
    expect(task).toMatchObject({ attempts_above: 2_000 });
  });
});

describe('a retry of a dead letter', () => {
  const dead = story(submit({ max_attempts: 2 }), claim(), fail({ backoff }), MINUTE, claim(), fail({ attempt: 2 }));

  test('forgives the attempts before it, and continues with their numbers', () => {
    const third = story(submit({ max_attempts: 2 }), claim(), fail(), SECOND, retry, claim());
    expect(third.task).toMatchObject({ lease: { attempt: 2 }, forgiven: 1 });
    expect(when(third, fail({ attempt: 2, backoff })).task?.status).toBe('scheduled');
  });

  test('begins the backoff again', () => {
    const third = story(submit(), claim(), fail({ backoff }), MINUTE, claim(), fail({ attempt: 2 }), retry, claim());
    expect(when(third, fail({ attempt: 3, backoff })).task).toMatchObject({ due_at: third.now + 10 * SECOND });
  });

  test('makes the task ready at once', () => {
    expect(when(dead, retry, SECOND).task).toMatchObject({ status: 'queued', ready_at: dead.now + SECOND });
  });

  test('begins the TTL of an expired task again', () => {
    const retried = story(submit({ ttl_seconds: 60 }), 5 * MINUTE, elapse, retry);
    expect(when(retried, claim(), MINUTE - 1).task?.status).toBe('working');
    expect(when(retried, claim(), MINUTE).task?.status).toBe('expired');
  });

  test('begins the TTL of a failed task again', () => {
    const retried = story(submit({ ttl_seconds: 60 }), claim(), fail(), 5 * MINUTE, retry);
    expect(when(retried, elapse, MINUTE - 1).task?.status).toBe('queued');
    expect(when(retried, elapse, MINUTE).task?.status).toBe('expired');
  });

  test('does not allow a completion without a claim if the task was claimed before', () => {
    expect(conflict(story(submit(), claim(), fail(), retry), complete())).toMatch(/its last attempt has failed/);
  });

  test('queues a dismissed task again, and removes the mark', () => {
    const { task } = when(story(submit(), fail(), dismiss), retry);
    expect(task).toMatchObject({ status: 'queued' });
    expect(task).not.toHaveProperty('dismissed_at');
  });
});

test('a dismissed dead letter stays failed, and keeps the time of its first dismissal', () => {
  const dismissed = story(submit(), fail(), SECOND, dismiss);
  expect(when(dismissed, dismiss, SECOND)).toEqual({ changed: false, events: [], task: dismissed.task });
  expect(dismissed.task).toMatchObject({ status: 'failed', dismissed_at: T0 + SECOND });
});

describe('a cancel', () => {
  test('takes effect at once, also for a running task, and ends its attempt', () => {
    const { task } = when(begun, cancel({ reason: 'not needed' }));
    expect(task).toMatchObject({ status: 'cancelled', by: 'coordinator', reason: 'not needed' });
    expect(last(task)).toMatchObject({ outcome: 'cancelled', ended_at: begun.now });
  });

  test('changes nothing the second time, and the first reason is kept', () => {
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

  test('removes the lease', () => {
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

  test('cannot be acknowledged by another attempt, or for a task that was not claimed', () => {
    expect(conflict(story(submit(), claim(), release(), claim('w2'), cancel()), acknowledge(1))).toMatch(
      /was not cancelled/,
    );
    expect(conflict(story(submit(), cancel()), acknowledge(1))).toMatch(/was not cancelled/);
  });
});

test('at most 100 refusals of a task are recorded, and later commands are still refused', () => {
  let { task } = story(submit(), complete());
  let written = 0;
  for (let n = 0; n < 150; n++) {
    const decision = when({ task, now: T0 + n, events: [] }, complete({ summary: `another ${n}` }));
    expect(decision.refusal?.code).toBe('conflict');
    written += decision.events.length;
    task = decision.task!;
  }
  expect(written).toBe(100);
  expect(task).toMatchObject({ status: 'completed', refused: 100, updated_at: T0 });
});

test('the events of a decision have the id of the task and the time of the command', () => {
  const { events } = when(story(submit({ task_id: 'another' })), claim(), SECOND);
  expect(events).toMatchObject([{ v: 1, task_id: 'another', at: T0 + SECOND }]);
});
