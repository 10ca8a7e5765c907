import { describe, expect, test } from 'vitest';
import { ResultMessage, resultMessage } from '../../src/core/result/result-message.ts';
import type { Status, Task } from '../../src/core/task/task.ts';
import { backoff, cancel, claim, complete, elapse, evidence, fail, MINUTE, story, submit } from './tasks.ts';

const refOf = (path: string) => `/store/${path}`;
const base = { task_id: 'task-1', from: 'implementer', to: 'coordinator' };
const withTtl = submit({ ttl_seconds: 60 });
const result = evidence('result', 'the text', 'results/task-1.md');

/** The message to the coordinator for each status; undefined if there is none yet. */
const messages: Record<Status, readonly [Task, ResultMessage | undefined]> = {
  queued: [story(submit()).task, undefined],
  scheduled: [story(submit(), claim(), fail({ backoff })).task, undefined],
  working: [story(submit(), claim()).task, undefined],
  completed: [
    story(submit(), complete({ result })).task,
    { ...base, status: 'completed', result_ref: '/store/results/task-1.md', summary: 'done' },
  ],
  failed: [story(submit(), fail()).task, { ...base, status: 'failed', reason: 'it broke' }],
  cancelled: [
    story(submit(), cancel({ reason: 'not needed' })).task,
    { ...base, status: 'cancelled', reason: 'not needed' },
  ],
  expired: [
    story(withTtl, MINUTE, elapse).task,
    { ...base, status: 'expired', reason: 'no worker started it before its TTL passed' },
  ],
};

describe.for(Object.entries(messages))('the message of a task that is %s', ([status, [task, message]]) => {
  test('contains its status, in the documented form', () => {
    expect(task.status).toBe(status);
    expect(resultMessage(task, refOf)).toEqual(message);
    expect(message === undefined || ResultMessage.safeParse(message).success).toBe(true);
  });
});

test('a completion without result and summary is a message without them, and says that it is empty', () => {
  const { task } = story(submit(), complete({ summary: undefined, empty: true }));
  expect(Object.keys(resultMessage(task, refOf)!).toSorted()).toEqual(['empty', 'from', 'status', 'task_id', 'to']);
});

test('the sender of a completion is the role or worker that completed the task', () => {
  const { task } = story(submit(), claim('w1'), complete({ by: 'w1' }));
  expect(resultMessage(task, refOf)).toMatchObject({ from: 'w1', to: 'coordinator' });
});

test('the reason of a cancellation without a reason is its sender', () => {
  const { task } = story(submit(), cancel());
  expect(resultMessage(task, refOf)).toMatchObject({ reason: 'cancelled by coordinator' });
});

test('the reason of a task whose last lease ended names the lease', () => {
  const { task } = story(submit({ max_attempts: 1 }), claim('w1'), MINUTE, elapse);
  expect(resultMessage(task, refOf)).toMatchObject({
    status: 'failed',
    reason: 'the lease of attempt 1 ended without a sign from w1',
  });
});
