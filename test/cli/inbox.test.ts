import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

async function completed(q: Shell, id: string, ...more: string[]): Promise<void> {
  await q.submit(id, ...more);
  await q.ok('complete', id, '--from', 'r', '--summary', `did ${id}`);
}
const ids = ({ messages }: { messages: { task_id: string }[] }) => messages.map((message) => message.task_id);

describe('inbox', () => {
  test('collects the result messages, the oldest first, each once', async ({ q }) => {
    for (const id of ['a', 'b']) await completed(q, id);
    expect(ids(await q.json('inbox'))).toEqual(['a', 'b']);
    expect((await q.run('inbox')).code).toBe(9);
  });

  test('has messages of exactly the form that was agreed', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'result');
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md', '--summary', 'done');
    expect((await q.json('inbox')).messages).toEqual([
      {
        task_id: 't',
        from: 'r',
        to: 'coordinator',
        status: 'completed',
        result_ref: `file://${q.path('.agentq/results/t.md')}`,
        summary: 'done',
      },
    ]);
  });

  test('hears of every way in which a task can end', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    await q.submit('b');
    await q.ok('cancel', 'b', '--from', 'boss');
    await q.submit('c', '--ttl', '1m');
    q.advance(60);
    expect((await q.json('inbox')).messages).toMatchObject([
      { task_id: 'a', status: 'failed', reason: 'no' },
      { task_id: 'b', status: 'cancelled', reason: 'cancelled by boss' },
      { task_id: 'c', status: 'expired', reason: expect.stringContaining('TTL') },
    ]);
  });

  test('prints a line a message for people', async ({ q }) => {
    await completed(q, 'a');
    expect(await q.ok('inbox')).toBe('a  completed  r  did a');
  });

  test('ends in silence with a code of its own where nothing waits', async ({ q }) => {
    expect(await q.run('inbox')).toMatchObject({ code: 9, stdout: '', stderr: '' });
    expect(await q.refused('inbox')).toMatchObject({
      exit: 9,
      code: 'empty',
      message: 'nothing waits in results.coordinator',
    });
  });

  test('holds only what is for the agent that asks', async ({ q }) => {
    await completed(q, 'a', '--from', 'one');
    await completed(q, 'b', '--from', 'two');
    expect(ids(await q.json('inbox', '--as', 'two'))).toEqual(['b']);
    expect(ids(await q.json('inbox', '--as', 'one'))).toEqual(['a']);
  });

  test('holds what another agent asked to be sent here', async ({ q }) => {
    await completed(q, 'a', '--from', 'one', '--reply-to', 'results.boss');
    expect((await q.run('inbox', '--as', 'one')).code).toBe(9);
    expect(ids(await q.json('inbox', '--as', 'boss'))).toEqual(['a']);
  });

  test('--keep looks without taking out', async ({ q }) => {
    await completed(q, 'a');
    expect(ids(await q.json('inbox', '--keep'))).toEqual(['a']);
    expect(ids(await q.json('inbox'))).toEqual(['a']);
  });

  test('--limit takes so many, and leaves the rest', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await completed(q, id);
    expect(ids(await q.json('inbox', '--limit', '2'))).toEqual(['a', 'b']);
    expect(ids(await q.json('inbox'))).toEqual(['c']);
  });

  test('--wait wakes for the first message', async ({ q }) => {
    await q.submit('a');
    const waiting = q.start('inbox', '--wait', '1h', '--json');
    await waiting.listening;
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    expect(ids((await waiting.done).json())).toEqual(['a']);
  });

  test('--wait gives up when its time is over', async ({ q }) => {
    q.clock.drift = 10;
    expect(await q.run('inbox', '--wait', '50ms')).toMatchObject({ code: 9, stdout: '', stderr: '' });
  });

  test('--wait ends when it is asked to', async ({ q }) => {
    const waiting = q.start('inbox', '--wait', '1h');
    await waiting.listening;
    waiting.signal();
    expect((await waiting.done).code).toBe(9);
  });

  test('hears of a task that was retried when it ends again', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    expect(ids(await q.json('inbox'))).toEqual(['a']);
    await q.ok('dlq', 'retry', 'a');
    expect((await q.run('inbox')).code).toBe(9);
    await q.claim();
    await q.ok('complete', 'a', '--attempt', '2', '--summary', 'done');
    expect((await q.json('inbox')).messages).toMatchObject([{ task_id: 'a', status: 'completed' }]);
  });

  test('is not held up by the message of a task that was retried before it was read', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    await completed(q, 'b');
    await q.ok('dlq', 'retry', 'a');
    expect(ids(await q.json('inbox', '--limit', '1'))).toEqual(['b']);
  });

  test('tells once how a task ended that was retried before its failure was read', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    await q.ok('dlq', 'retry', 'a');
    await q.claim();
    await q.ok('complete', 'a', '--attempt', '2', '--summary', 'done');
    const { messages } = await q.json('inbox');
    expect(messages.filter((message: { status: string }) => message.status === 'completed')).toHaveLength(1);
  });
});
