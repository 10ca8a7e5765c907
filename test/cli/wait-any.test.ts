import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const complete = (q: Shell, id: string) => q.ok('complete', id, '--from', 'r', '--summary', `did ${id}`);
const idsOf = ({ tasks }: { tasks: { task_id: string }[] }) => tasks.map(({ task_id }) => task_id);

/** The answer, also if a task has failed. */
async function any(q: Shell, ...args: string[]): Promise<any> {
  return (await q.run('wait', '--any', '--json', ...args)).json();
}

describe('wait --any', () => {
  test('tells only what has ended, and nothing twice', async ({ q }) => {
    for (const id of ['a', 'b', 'c', 'd']) await q.submit(id);
    await complete(q, 'b');
    const ids = ['a', 'b', 'c', 'd'];
    const first = await any(q, ...ids);
    expect(first).toMatchObject({ done: true, pending: 3, tasks: [{ task_id: 'b', status: 'completed' }] });
    const waiting = q.start('wait', '--any', '--json', ...ids, '--since', first.cursor);
    await waiting.listening;
    await q.ok('cancel', 'a', 'c');
    const rest = (await waiting.done).json();
    const last = await any(q, ...ids, '--since', rest.cursor, '--timeout', '0');
    expect([...idsOf(rest), ...idsOf(last)].toSorted()).toEqual(['a', 'c']);
    const none = await q.run('wait', ...ids, '--since', last.cursor, '--timeout', '0', '--json');
    expect(none).toMatchObject({ code: 8 });
    expect(none.json()).toMatchObject({ done: false, tasks: [], pending: 1, cursor: last.cursor });
  });

  test('tells a task again that was retried and has ended again', async ({ q }) => {
    await q.submit('a');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'broken');
    const { cursor } = await any(q, 'a');
    await q.ok('dlq', 'retry', 'a');
    expect(await any(q, 'a', '--since', cursor, '--timeout', '0')).toMatchObject({ tasks: [], pending: 1 });
    await q.ok('cancel', 'a');
    expect(await any(q, 'a', '--since', cursor)).toMatchObject({ tasks: [{ task_id: 'a', status: 'cancelled' }] });
  });

  test('says as text how to go on', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await complete(q, 'a');
    const { stdout, stderr } = await q.run('wait', '--any', 'a', 'b');
    expect(stdout).toBe('a completed\n');
    const [, next] = /^to go on: agentq (wait --any a b --since \S+)\n$/.exec(stderr)!;
    await complete(q, 'b');
    expect((await q.run(...next!.split(' '))).stdout).toBe('b completed\n');
  });

  test('refuses a cursor of other tasks, and one of no queue', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await complete(q, 'a');
    const { cursor } = await any(q, 'a');
    for (const line of [
      ['a', 'b', '--since', cursor],
      ['--from', 'me', '--since', cursor],
      ['a', '--since', 'x'],
      ['a', '--since', ''],
    ])
      expect(await q.refused('wait', '--any', ...line)).toMatchObject({
        exit: 2,
        hint: expect.stringContaining('leave'),
      });
    expect((await q.refused('wait', 'a', '--all', '--since', cursor)).exit).toBe(2);
    expect((await q.refused('wait')).exit).toBe(2);
  });

  test('refuses a cursor from before a restore', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('backup', 'b.db');
    await complete(q, 'a');
    const { cursor } = await any(q, '--from', 'me');
    await q.ok('restore', 'b.db', '--force');
    expect(await q.refused('wait', '--from', 'me', '--since', cursor)).toMatchObject({
      exit: 2,
      message: expect.stringContaining('restored'),
    });
  });

  test('prints few bytes for 50 tasks of which one has ended', async ({ q }) => {
    q.write('out.md', 'result');
    const ids: string[] = [];
    for (let i = 0; i < 50; i++) {
      const about = `${i}: Review the module that reads durations, list every input that it reads wrongly, and say which test would have found it`;
      ids.push(await q.ok('submit', '--to', 'review-worker', '--type', 'review', '--instructions', about));
    }
    const { task_id } = await q.json('claim', '--as', 'review-worker');
    await q.ok(
      'complete',
      task_id,
      '--attempt',
      '1',
      '--result-file',
      'out.md',
      '--artifact',
      'patch=out.md',
      '--summary',
      'Found two mistakes, and wrote a test for each',
    );
    const { bytes } = await q.run('wait', '--any', '--compact', ...ids);
    expect(bytes.length).toBeLessThanOrEqual(600);
  });
});

describe('wait --from', () => {
  test('needs no ids: me is the caller', async ({ q }) => {
    const boss = q.with({ env: { AGENTQ_AGENT: 'boss' } });
    for (const id of ['a', 'b']) await boss.submit(id);
    await q.submit('other');
    await complete(q, 'a');
    const first = await any(boss, '--from', 'me');
    expect(first).toMatchObject({ pending: 1, tasks: [{ task_id: 'a' }] });
    const waiting = boss.start('wait', '--from', 'me');
    await waiting.listening;
    await complete(q, 'other');
    await complete(q, 'b');
    expect(await waiting.done).toMatchObject({ code: 0, stdout: 'b completed\n' });
    const second = await any(q, '--from', 'boss', '--since', first.cursor);
    expect(idsOf(second)).toEqual(['b']);
    expect((await any(boss, '--from', 'me', '--since', second.cursor)).pending).toBe(0);
    expect((await boss.run('wait', '--any', '--from', 'me', '--since', second.cursor)).code).toBe(9);
    expect(await boss.run('wait', '--from', 'me')).toMatchObject({ code: 0, stdout: '' });
  });

  test('tells a long list in portions', async ({ q }) => {
    const rows = Array.from({ length: 230 }, (_, i) =>
      JSON.stringify({ task_id: `t${i}`, to: 'r', instructions: 'x' }),
    );
    await q.with({ stdin: rows.join('\n') }).ok('submit', '--batch', '-');
    const begin = await any(q, '--from', 'me', '--timeout', '0');
    await q.run('cancel', ...rows.map((_, i) => `t${i}`));
    const told: string[] = [];
    for (let cursor = begin.cursor, more = true; more;) {
      const next = await any(q, '--from', 'me', '--since', cursor);
      told.push(...idsOf(next));
      ({ cursor, more = false } = next);
    }
    expect(told).toEqual(rows.map((_, i) => `t${i}`));
    const latest = await any(q, '--from', 'me');
    expect(latest).toMatchObject({ earlier: 210, pending: 0 });
    expect(latest).not.toHaveProperty('more');
    expect(idsOf(latest)).toEqual(told.slice(-20));
    const { stderr } = await q.run('wait', '--any', '--from', 'coordinator');
    const [, list] = /^210 more ended before these: agentq (.*)\n$/.exec(stderr)!;
    expect((await q.json(...list!.split(' '))).tasks).toHaveLength(230);
  });
});
