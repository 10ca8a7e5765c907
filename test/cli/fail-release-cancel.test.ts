import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('fail', () => {
  test('ends the task with its reason and prints nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one');
    const ran = await q.run('fail', 't', '--from', 'r', '--reason', 'could not reproduce it');
    expect(ran).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await q.task('t')).toMatchObject({
      status: 'failed',
      reason: 'could not reproduce it',
      attempts: [{ number: 1, worker: 'one', outcome: 'failed', reason: 'could not reproduce it' }],
    });
  });

  test('is final, also if the task has attempts left', async ({ q }) => {
    await q.submit('t');
    expect(await q.json('fail', 't', '--from', 'r', '--reason', 'no')).toEqual({
      task_id: 't',
      status: 'failed',
      changed: true,
    });
    q.advance(86_400);
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
  });

  test('sends the result message with the reason', async ({ q }) => {
    await q.submit('t');
    await q.ok('fail', 't', '--from', 'r', '--reason', 'no');
    expect((await q.json('inbox')).messages).toEqual([
      { task_id: 't', from: 'r', to: 'coordinator', status: 'failed', reason: 'no' },
    ]);
  });

  test('--retry schedules another attempt, and prints its time', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    expect(await q.json('fail', 't', '--from', 'r', '--reason', 'flaky', '--retry')).toEqual({
      task_id: 't',
      status: 'scheduled',
      changed: true,
      retry_at: '2027-03-01T12:00:10.000Z',
    });
    q.advance(9);
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
    q.advance(1);
    expect((await q.claim()).attempt).toBe(2);
  });

  test('--retry doubles the wait after each attempt, and fails the task after the last one', async ({ q }) => {
    await q.submit('t');
    const waits: unknown[] = [];
    for (const attempt of ['1', '2', '3']) {
      await q.claim();
      const now = q.clock.now;
      const { retry_at } = await q.json('fail', 't', '--attempt', attempt, '--reason', `try ${attempt}`, '--retry');
      waits.push(retry_at && (Date.parse(retry_at) - now) / 1_000);
      q.advance(60);
    }
    expect(waits).toEqual([10, 20, undefined]);
    expect(await q.task('t')).toMatchObject({ status: 'failed', reason: 'try 3' });
    expect((await q.task('t')).attempts.map((one: { reason: string }) => one.reason)).toEqual([
      'try 1',
      'try 2',
      'try 3',
    ]);
  });

  test('--retry uses the backoff in the config of the role', async ({ q }) => {
    const backoff = { base: '1m', factor: 3, max: '2m', jitter: 0 };
    q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { r: { max_attempts: 9, backoff } } }));
    await q.submit('t');
    const waits: number[] = [];
    for (const attempt of ['1', '2', '3']) {
      await q.claim();
      const now = q.clock.now;
      const { retry_at } = await q.json('fail', 't', '--attempt', attempt, '--reason', 'flaky', '--retry');
      waits.push((Date.parse(retry_at) - now) / 1_000);
      q.advance(300);
    }
    expect(waits).toEqual([60, 120, 120]);
  });

  test('succeeds a second time with the same reason, without a change', async ({ q }) => {
    await q.submit('t');
    await q.ok('fail', 't', '--from', 'r', '--reason', 'no');
    const before = await q.task('t');
    expect(await q.json('fail', 't', '--from', 'r', '--reason', 'no')).toMatchObject({ changed: false });
    expect(await q.task('t')).toEqual(before);
  });

  test('is refused a second time with another reason, and the history records it', async ({ q }) => {
    await q.submit('t');
    await q.ok('fail', 't', '--from', 'r', '--reason', 'no');
    expect((await q.refused('fail', 't', '--from', 'r', '--reason', 'other')).exit).toBe(4);
    expect(await q.task('t')).toMatchObject({ reason: 'no', refused: 1 });
    expect((await q.json('show', 't')).events.at(-1)).toMatchObject({ type: 'refused', command: 'fail' });
  });

  test('of a stale attempt is refused, and changes nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(300);
    await q.claim();
    const before = await q.task('t');
    expect((await q.refused('fail', 't', '--attempt', '1', '--reason', 'late')).exit).toBe(4);
    expect(await q.task('t')).toEqual({ ...before, refused: 1 });
  });

  test('of a cancelled task is refused with the exit code for cancelled', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('cancel', 't');
    expect((await q.refused('fail', 't', '--from', 'r', '--reason', 'no')).exit).toBe(5);
    expect((await q.task('t')).status).toBe('cancelled');
  });

  test('is refused without a reason', async ({ q }) => {
    await q.submit('t');
    expect((await q.refused('fail', 't', '--from', 'r')).exit).toBe(2);
    expect((await q.task('t')).status).toBe('queued');
  });

  test('is refused from another role', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('fail', 't', '--from', 's', '--reason', 'no')).toMatchObject({ exit: 4, hint: '--from r' });
  });
});

describe('release', () => {
  test('returns the task at once, and the attempt does not count', async ({ q }) => {
    await q.submit('t', '--max-attempts', '1');
    for (const attempt of ['1', '2']) {
      expect((await q.claim()).attempt).toBe(Number(attempt));
      const released = await q.json('release', 't', '--attempt', attempt, '--reason', 'shutting down');
      expect(released).toEqual({ task_id: 't', status: 'queued', changed: true });
    }
    expect((await q.task('t')).attempts.at(-1)).toMatchObject({ outcome: 'released', reason: 'shutting down' });
  });

  test('delays the task from the third consecutive release on', async ({ q }) => {
    await q.submit('t', '--max-attempts', '1');
    for (const status of ['queued', 'queued', 'scheduled']) {
      await q.claim();
      const { attempts } = await q.task('t');
      const attempt = String(attempts.length);
      expect(await q.json('release', 't', '--attempt', attempt, '--reason', 'no room')).toMatchObject({ status });
    }
    q.advance(6);
    expect((await q.claim()).attempt).toBe(4);
  });

  test('prints nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    expect(await q.run('release', 't', '--from', 'r')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('is refused for a task that was not claimed', async ({ q }) => {
    await q.submit('t');
    expect((await q.refused('release', 't', '--from', 'r')).exit).toBe(4);
  });

  test('of a stale attempt is refused, and changes nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(300);
    await q.claim();
    const before = await q.task('t');
    expect((await q.refused('release', 't', '--attempt', '1')).exit).toBe(4);
    expect(await q.task('t')).toEqual(before);
  });
});

describe('cancel', () => {
  test('ends a queued task', async ({ q }) => {
    await q.submit('t');
    expect(await q.run('cancel', 't', '--reason', 'not needed')).toMatchObject({ code: 0, stdout: 't cancelled\n' });
    expect(await q.task('t')).toMatchObject({ status: 'cancelled', reason: 'not needed', cancelled_by: 'coordinator' });
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
  });

  test('ends a delayed task', async ({ q }) => {
    await q.submit('t', '--delay', '1h');
    await q.ok('cancel', 't');
    q.advance(7_200);
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
  });

  test('takes effect at once for a running task', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('cancel', 't');
    expect(await q.task('t')).toMatchObject({ status: 'cancelled', attempts: [{ outcome: 'cancelled' }] });
    expect((await q.run('complete', 't', '--from', 'r', '--summary', 'too late')).code).toBe(5);
    expect((await q.task('t')).status).toBe('cancelled');
  });

  test('of a running task shows that its worker has not yet confirmed the stop', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('cancel', 't');
    expect(await q.ok('status', 't')).toContain('has not yet confirmed that it stopped');
  });

  test('sends the result message', async ({ q }) => {
    await q.submit('t');
    await q.ok('cancel', 't', '--reason', 'not needed');
    expect((await q.json('inbox')).messages).toMatchObject([{ status: 'cancelled', reason: 'not needed' }]);
  });

  test('succeeds a second time without a change', async ({ q }) => {
    await q.submit('t');
    await q.ok('cancel', 't', '--reason', 'not needed');
    expect(await q.json('cancel', 't')).toEqual({ tasks: [{ task_id: 't', status: 'cancelled', changed: false }] });
    expect((await q.task('t')).reason).toBe('not needed');
  });

  test('accepts several tasks', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    expect(await q.ok('cancel', 'a', 'b')).toBe('a cancelled\nb cancelled');
  });

  test('tries every task, names each refusal, and ends with the code of the first', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await q.submit(id);
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    const { code, stdout, stderr } = await q.run('cancel', 'b', 'a', 'nosuch', 'c');
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'a cancelled\nc cancelled\n' });
    expect(stderr.split('\n')).toMatchObject([
      'agentq: b is completed and cannot be cancelled',
      expect.stringContaining('no task "nosuch"'),
      '',
    ]);
  });

  test('names with --json what was changed and each refusal', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    const { code, stdout, stderr } = await q.run('--json', 'cancel', 'a', 'nosuch', 'b', 'none');
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toEqual({
      tasks: [
        { task_id: 'a', status: 'cancelled', changed: true },
        { task_id: 'b', status: 'cancelled', changed: true },
      ],
    });
    const errors = stderr.trimEnd().split('\n');
    expect(errors.map((line) => JSON.parse(line).error)).toMatchObject([
      { exit: 3, message: 'no task "nosuch"' },
      { exit: 3, message: 'no task "none"' },
    ]);
  });

  test('is refused for a task that has ended', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect(await q.refused('cancel', 't')).toMatchObject({
      exit: 4,
      message: 't is completed and cannot be cancelled',
    });
    expect((await q.task('t')).status).toBe('completed');
  });

  test('names similar ids for an unknown task', async ({ q }) => {
    await q.submit('task-123');
    expect(await q.refused('cancel', 'task-12')).toMatchObject({ exit: 3, hint: 'did you mean task-123?' });
  });
});
