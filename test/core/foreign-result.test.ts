import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import { foreignEvent } from '../../src/core/result/foreign-result.ts';
import type { ResultMessage } from '../../src/core/result/result-message.ts';
import type { Task } from '../../src/core/task/task.ts';
import {
  cancel,
  claim,
  complete,
  elapse,
  evidence,
  fail,
  handBacks,
  ID,
  MINUTE,
  retry,
  ROLE,
  SECOND,
  type Story,
  story,
  submit,
} from './tasks.ts';

const message = (more: Partial<ResultMessage> = {}): ResultMessage => ({
  task_id: ID,
  from: ROLE,
  to: 'coordinator',
  status: 'completed',
  ...more,
});

/** The event of the message one second after the story, and the task after it. */
function received(
  { task, now }: Story,
  of: ResultMessage,
): { event: Event | undefined; after: Task; refused?: string } {
  const event = foreignEvent(task, of, now + SECOND);
  if (!event) return { event, after: task };
  const { task: after, refused } = evolve(task, event);
  return { event, after: after!, ...(refused !== undefined && { refused }) };
}

const queued = story(submit());
const begun = story(submit(), claim('w1'), SECOND);
const second = story(submit(), ...handBacks(1), claim('w2'), SECOND);
const expecting = story(submit({ expected_output: { artifacts: ['patch', 'log'] } }));

describe('a third-party worker may end', () => {
  test('a task that was not claimed, in its first attempt', () => {
    const { event, after } = received(queued, message({ summary: 'did it', result_ref: 's3://bucket/result' }));

    expect(event).toEqual({
      v: 1,
      type: 'completed',
      task_id: ID,
      at: queued.now + SECOND,
      attempt: 1,
      by: ROLE,
      artifacts: [],
      summary: 'did it',
      result_ref: 's3://bucket/result',
    });
    expect(after).toMatchObject({
      status: 'completed',
      completion: { summary: 'did it', result_ref: 's3://bucket/result' },
      attempts: [{ number: 1, worker: ROLE, outcome: 'completed' }],
    });
  });

  test('a task that waits for its delay', () => {
    const { after } = received(story(submit({ delay_seconds: 60 })), message());
    expect(after).toMatchObject({ status: 'completed', attempts: [{ number: 1 }] });
  });

  test('the first attempt of a task that a worker holds', () => {
    const { after } = received(begun, message());
    expect(after).toMatchObject({ status: 'completed', attempts: [{ number: 1, worker: 'w1', outcome: 'completed' }] });
  });

  test('a later attempt, if the message names it', () => {
    const { after } = received(second, message({ attempt: 2 }));
    expect(after).toMatchObject({ status: 'completed', attempts: [{ outcome: 'released' }, { outcome: 'completed' }] });
  });

  test('the task that it holds, with the name of the worker instead of the role', () => {
    const { event, after } = received(begun, message({ from: 'w1' }));
    expect(event).toMatchObject({ type: 'completed', by: 'w1' });
    expect(after.status).toBe('completed');
  });

  test('a retried dead letter, in its next attempt', () => {
    const { event, after } = received(story(submit(), claim(), fail(), SECOND, retry), message());
    expect(event).toMatchObject({ type: 'completed', attempt: 2 });
    expect(after).toMatchObject({ status: 'completed', attempts: [{ outcome: 'failed' }, { outcome: 'completed' }] });
  });

  test.for<[string, Partial<ResultMessage>, string]>([
    ['with its reason', { reason: 'no such branch', summary: 'tried' }, 'no such branch'],
    ['with its summary if there is no reason', { summary: 'tried' }, 'tried'],
    ['with neither', {}, 'no reason given'],
  ])('a task as failed, %s', ([, more, reason]) => {
    const { event, after } = received(begun, message({ status: 'failed', ...more }));
    expect(event).toMatchObject({ type: 'attempt-failed', attempt: 1, by: ROLE, retry_at: null, artifacts: [] });
    expect(after).toMatchObject({ status: 'failed', reason });
  });
});

describe('an expected artifact', () => {
  const artifacts = [evidence('patch'), evidence('log')];

  test('exists if the message contains it', () => {
    const { event, after } = received(expecting, message({ artifacts }));
    expect(event).toMatchObject({ type: 'completed', artifacts });
    expect(after).toMatchObject({ status: 'completed', completion: { artifacts } });
  });

  test.for<[string, unknown, string]>([
    ['nothing', undefined, 'it lacks patch, log'],
    ['one of two', [evidence('patch')], 'it lacks log'],
    ['an empty one', [evidence('patch'), evidence('log', '')], 'it lacks log'],
    ['no list', { patch: 1 }, 'it lacks patch, log'],
    ['a list with an invalid element', [...artifacts, { name: 'x' }], 'it lacks patch, log'],
  ])('is missing if the message contains %s, and the task is not completed', ([, listed, reason]) => {
    const { event, after } = received(expecting, message({ artifacts: listed, summary: 'did it' }));
    expect(event).toEqual({
      v: 1,
      type: 'refused',
      task_id: ID,
      at: expecting.now + SECOND,
      attempt: 1,
      by: ROLE,
      command: 'complete',
      reason,
    });
    expect(after).toMatchObject({ status: 'queued', refused: 1, attempts: [] });
  });

  test('with the name summary may be the text of the summary', () => {
    const given = story(submit({ expected_output: { artifacts: ['summary'] } }));
    expect(received(given, message({ summary: 'did it' })).after.status).toBe('completed');
    expect(received(given, message({ summary: ' ' })).after.status).toBe('queued');
  });

  test('is not needed for a failure', () => {
    expect(received(expecting, message({ status: 'failed' })).after.status).toBe('failed');
  });
});

describe('a message is refused', () => {
  test.for(['completed', 'failed'] as const)('from another role with the status %s', (status) => {
    const { event, after } = received(begun, message({ from: 'tester', status }));
    const command = status === 'completed' ? 'complete' : 'fail';
    expect(event).toMatchObject({ type: 'refused', command, by: 'tester' });
    expect(event).toMatchObject({ reason: `it was sent to ${ROLE}, not to tester` });
    expect(after).toMatchObject({ status: 'working', refused: 1 });
  });

  test('from a worker that held the task before', () => {
    const { event, after } = received(second, message({ from: 'w1', attempt: 2 }));
    expect(event?.type).toBe('refused');
    expect(after).toMatchObject({ status: 'working', lease: { worker: 'w2' } });
  });

  test.for<[string, Story, Partial<ResultMessage>]>([
    ['without a number if there was an attempt before', second, {}],
    ['without a number between two attempts', story(submit(), ...handBacks(1)), {}],
    ['of an ended attempt', second, { attempt: 1 }],
    ['of an attempt that did not begin', begun, { attempt: 2 }],
    ['with a fraction as its attempt', begun, { attempt: 0.5 }],
    ['of a task that was completed', story(submit(), claim(), complete()), {}],
    ['of a task that was cancelled', story(submit(), claim(), cancel()), {}],
    ['of a task that was cancelled before a claim', story(submit(), cancel()), {}],
    ['of a task whose TTL has passed', story(submit({ ttl_seconds: 60 }), MINUTE, elapse), {}],
    ['of a task that failed', story(submit(), claim(), fail()), {}],
  ])('%s, and changes nothing', ([, given, more]) => {
    for (const status of ['completed', 'failed'] as const) {
      const { after, refused } = received(given, message({ status, ...more }));
      expect(refused).toMatch(/does not hold it/);
      expect(after).toEqual(given.task);
    }
  });
});

test.for(['7', null, true, [1]])('an attempt that is not a number (%j) is ignored', (attempt) => {
  expect(received(begun, message({ attempt })).event).toMatchObject({ type: 'completed', attempt: 1 });
  expect(received(second, message({ attempt })).refused).toBeDefined();
});

test.for(['cancelled', 'expired'] as const)(
  'a message with the status %s changes nothing, because only the queue decides on it',
  (status) => {
    expect(received(begun, message({ status })).event).toBeUndefined();
  },
);
