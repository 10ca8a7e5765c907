import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('wait', () => {
  test('says nothing and succeeds when the task has completed', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect(await q.run('wait', 't')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('says nothing and tells by its exit code that the task failed', async ({ q }) => {
    await q.submit('t');
    await q.ok('fail', 't', '--from', 'r', '--reason', 'broken');
    expect(await q.run('wait', 't')).toMatchObject({ code: 6, stdout: '', stderr: '' });
  });

  test('tells by its exit code that the task was cancelled', async ({ q }) => {
    await q.submit('t');
    await q.ok('cancel', 't');
    expect(await q.run('wait', 't')).toMatchObject({ code: 5, stdout: '', stderr: '' });
  });

  test('tells by its exit code that the task expired', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    q.advance(60);
    expect(await q.run('wait', 't')).toMatchObject({ code: 7, stdout: '', stderr: '' });
  });

  test('gives up in silence when its time is over', async ({ q }) => {
    await q.submit('t');
    q.clock.drift = 10;
    expect(await q.run('wait', 't', '--timeout', '50ms')).toMatchObject({ code: 8, stdout: '', stderr: '' });
  });

  test('a timeout of nothing is a look', async ({ q }) => {
    await q.submit('t');
    expect((await q.run('wait', 't', '--timeout', '0')).code).toBe(8);
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await q.run('wait', 't', '--timeout', '0')).code).toBe(0);
  });

  test('ends when the task does', async ({ q }) => {
    await q.submit('t');
    const waiting = q.start('wait', 't');
    await waiting.listening;
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await waiting.done).code).toBe(0);
  });

  test('ends when the task expires, though nobody does anything', async ({ q }) => {
    await q.submit('t', '--ttl', '50ms');
    q.clock.drift = 10;
    expect((await q.run('wait', 't')).code).toBe(7);
  });

  test('goes on while a task is only retried', async ({ q }) => {
    await q.submit('t');
    const waiting = q.start('wait', 't');
    await waiting.listening;
    await q.ok('fail', 't', '--from', 'r', '--reason', 'flaky', '--retry');
    q.advance(60);
    await q.claim();
    await q.ok('complete', 't', '--attempt', '2', '--summary', 'done');
    expect((await waiting.done).code).toBe(0);
  });

  test('ends when it is asked to', async ({ q }) => {
    await q.submit('t');
    const waiting = q.start('wait', 't');
    await waiting.listening;
    waiting.signal();
    expect(await waiting.done).toMatchObject({ code: 8, stdout: '', stderr: '' });
  });

  test('is refused at once for an id that nobody submitted', async ({ q }) => {
    await q.submit('task-1');
    expect(await q.refused('wait', 'task-1', 'task-2')).toMatchObject({ exit: 3, hint: 'did you mean task-1?' });
  });

  test('is refused without an id', async ({ q }) => {
    expect(await q.refused('wait')).toMatchObject({ exit: 2, hint: expect.any(String) });
  });
});

describe('wait for several tasks', () => {
  test('waits for all of them, and tells how each ended', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    const waiting = q.start('wait', 'a', 'b');
    await waiting.listening;
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    expect(await waiting.done).toMatchObject({ code: 0, stdout: 'a completed\nb completed\n', stderr: '' });
  });

  test('--any ends with the first, and names it', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await q.submit(id);
    const waiting = q.start('wait', '--any', 'a', 'b', 'c');
    await waiting.listening;
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    expect(await waiting.done).toMatchObject({ code: 0, stdout: 'b completed\n' });
  });

  test('--any tells of the one that has ended badly', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('fail', 'b', '--from', 'r', '--reason', 'broken');
    expect(await q.run('wait', '--any', 'a', 'b')).toMatchObject({ code: 6, stdout: 'b failed\n' });
  });

  test('one bad end among good ones is the exit code', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    await q.ok('cancel', 'b');
    expect(await q.run('wait', '--all', 'a', 'b')).toMatchObject({ code: 5, stdout: 'a completed\nb cancelled\n' });
  });

  test('names those that have ended when its time is over', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    expect(await q.run('wait', 'a', 'b', '--timeout', '0')).toMatchObject({ code: 8, stdout: 'a completed\n' });
  });

  test('--any and --all exclude each other', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('wait', '--any', '--all', 't')).toMatchObject({ exit: 2, hint: 'give one of them' });
  });

  test('--json tells whether it is done, and every task in the order of the ids', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'broken');
    const early = await q.run('wait', 'b', 'a', '--timeout', '0', '--json');
    expect(early.code).toBe(8);
    expect(early.json()).toMatchObject({
      done: false,
      tasks: [
        { task_id: 'b', status: 'queued' },
        { task_id: 'a', status: 'failed' },
      ],
    });
    const any = await q.run('wait', '--any', 'b', 'a', '--json');
    expect(any.code).toBe(6);
    expect(any.json()).toMatchObject({ done: true });
  });
});
