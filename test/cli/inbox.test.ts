import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

async function completed(q: Shell, id: string, ...more: string[]): Promise<void> {
  await q.submit(id, ...more);
  await q.ok('complete', id, '--from', 'r', '--summary', `did ${id}`);
}
const ids = ({ messages }: { messages: { task_id: string }[] }) => messages.map((message) => message.task_id);

describe('inbox', () => {
  test('returns each result message once, the oldest first', async ({ q }) => {
    for (const id of ['a', 'b']) await completed(q, id);
    expect(ids(await q.json('inbox'))).toEqual(['a', 'b']);
    expect((await q.run('inbox')).code).toBe(9);
  });

  test('returns messages in the documented form', async ({ q }) => {
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

  test('contains a message for every kind of end', async ({ q }) => {
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

  test('prints one line per message as text', async ({ q }) => {
    await completed(q, 'a');
    expect(await q.ok('inbox')).toBe('a  completed  r  did a');
  });

  test('prints nothing and ends with its own exit code if no message waits', async ({ q }) => {
    expect(await q.run('inbox')).toMatchObject({ code: 9, stdout: '', stderr: '' });
    expect(await q.refused('inbox')).toMatchObject({
      exit: 9,
      code: 'empty',
      message: 'nothing waits in results.coordinator',
    });
  });

  test('contains only the messages for the given agent', async ({ q }) => {
    await completed(q, 'a', '--from', 'one');
    await completed(q, 'b', '--from', 'two');
    expect(ids(await q.json('inbox', '--as', 'two'))).toEqual(['b']);
    expect(ids(await q.json('inbox', '--as', 'one'))).toEqual(['a']);
  });

  test('contains messages that another agent directed to it with --reply-to', async ({ q }) => {
    await completed(q, 'a', '--from', 'one', '--reply-to', 'results.boss');
    expect((await q.run('inbox', '--as', 'one')).code).toBe(9);
    expect(ids(await q.json('inbox', '--as', 'boss'))).toEqual(['a']);
  });

  test('--keep does not remove the messages', async ({ q }) => {
    await completed(q, 'a');
    expect(ids(await q.json('inbox', '--keep'))).toEqual(['a']);
    expect(ids(await q.json('inbox'))).toEqual(['a']);
  });

  test('--limit takes this many messages and leaves the rest', async ({ q }) => {
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

  test('--wait ends after its timeout', async ({ q }) => {
    q.clock.drift = 10;
    expect(await q.run('inbox', '--wait', '50ms')).toMatchObject({ code: 9, stdout: '', stderr: '' });
  });

  test('--wait ends at a signal', async ({ q }) => {
    const waiting = q.start('inbox', '--wait', '1h');
    await waiting.listening;
    waiting.signal();
    expect((await waiting.done).code).toBe(9);
  });

  test('contains another message of a retried task when it ends again', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    expect(ids(await q.json('inbox'))).toEqual(['a']);
    await q.ok('dlq', 'retry', 'a');
    expect((await q.run('inbox')).code).toBe(9);
    await q.claim();
    await q.ok('complete', 'a', '--attempt', '2', '--summary', 'done');
    expect((await q.json('inbox')).messages).toMatchObject([{ task_id: 'a', status: 'completed' }]);
  });

  test('skips the unread message of a retried task', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    await completed(q, 'b');
    await q.ok('dlq', 'retry', 'a');
    expect(ids(await q.json('inbox', '--limit', '1'))).toEqual(['b']);
  });

  test('contains one message for the end of a task that was retried before its failure was read', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    await q.ok('dlq', 'retry', 'a');
    await q.claim();
    await q.ok('complete', 'a', '--attempt', '2', '--summary', 'done');
    const { messages } = await q.json('inbox');
    expect(messages.filter((message: { status: string }) => message.status === 'completed')).toHaveLength(1);
  });
});

describe('inbox --seen', () => {
  test('lists again what was given, the last ended first', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) {
      await completed(q, id);
      q.advance(1);
    }
    await completed(q, 'elsewhere', '--reply-to', 'results.other');
    expect((await q.run('inbox', '--seen')).code).toBe(9);
    expect(ids(await q.json('inbox', '--limit', '2'))).toEqual(['a', 'b']);
    expect(ids(await q.json('inbox', '--seen'))).toEqual(['b', 'a']);
    expect(ids(await q.json('inbox', '--seen', '--limit', '1'))).toEqual(['b']);
    expect(ids(await q.json('inbox'))).toEqual(['c']);
    expect(await q.ok('inbox', '--seen')).toBe(
      'c  completed  r  did c\nb  completed  r  did b\na  completed  r  did a',
    );
    expect((await q.refused('inbox', '--seen', '--keep')).exit).toBe(2);
  });

  test('a line says where the result is, or how many artifacts there are', async ({ q }) => {
    q.write('out.md', 'result');
    await q.submit('file');
    await q.ok('complete', 'file', '--from', 'r', '--result-file', 'out.md');
    await q.submit('files');
    await q.ok('complete', 'files', '--from', 'r', '--artifact', 'p=out.md', '--artifact', 'q=out.md');
    expect(await q.ok('inbox')).toBe(
      `file  completed  r  ${q.path('.agentq/results/file.md')}\nfiles  completed  r  2 artifacts: agentq result files`,
    );
    expect((await q.json('inbox', '--seen')).messages).toMatchObject([{}, {}].map(() => ({ status: 'completed' })));
  });
});
