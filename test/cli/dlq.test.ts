import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

async function failed(q: Shell, id: string, reason = 'broken'): Promise<void> {
  await q.submit(id);
  await q.ok('fail', id, '--from', 'r', '--reason', reason);
}
const dead = async (q: Shell, ...more: string[]) =>
  (await q.json('dlq', ...more)).tasks.map((task: { task_id: string }) => task.task_id);

describe('dlq', () => {
  test('reports that there are no dead letters', async ({ q }) => {
    await q.submit('t');
    expect(await q.run('dlq')).toMatchObject({ code: 0, stdout: '', stderr: 'no dead letters\n' });
  });

  test('lists failed and expired tasks with reason and attempts, the newest first', async ({ q }) => {
    await failed(q, 'a', 'could not reproduce it');
    await q.submit('b', '--ttl', '1m');
    await q.submit('c');
    q.advance(60);
    const lines = (await q.ok('dlq')).split('\n');
    expect(lines[0]).toMatch(/^ID +STATUS +TO +ATTEMPTS +SINCE +REASON$/);
    expect(lines[1]).toMatch(/^b +expired +r +0 +now +its TTL passed before it was started$/);
    expect(lines[2]).toMatch(/^a +failed +r +1 +1m ago +could not reproduce it$/);
    expect(lines).toHaveLength(3);
  });

  test('dlq list prints the same', async ({ q }) => {
    await failed(q, 'a');
    expect(await q.ok('dlq', 'list')).toBe(await q.ok('dlq'));
  });

  test('can be limited to a role and to a number', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await failed(q, id);
    await q.ok('submit', '--to', 's', '--id', 'd', '--instructions', 'x');
    await q.ok('fail', 'd', '--from', 's', '--reason', 'no');
    expect(await dead(q, '--to', 'r')).toEqual(['c', 'b', 'a']);
    expect(await dead(q, '--limit', '2')).toEqual(['d', 'c']);
    expect(await dead(q, 'list', '--to', 's')).toEqual(['d']);
  });

  test('does not contain cancelled or completed tasks', async ({ q }) => {
    await q.submit('a');
    await q.ok('cancel', 'a');
    await q.submit('b');
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    expect(await dead(q)).toEqual([]);
  });
});

describe('dlq show', () => {
  test('prints the reason of every attempt', async ({ q }) => {
    await q.submit('t');
    for (const attempt of ['1', '2', '3']) {
      await q.claim();
      await q.ok('fail', 't', '--attempt', attempt, '--reason', `reason ${attempt}`, '--retry');
      q.advance(60);
    }
    const shown = await q.ok('dlq', 'show', 't');
    for (const attempt of ['1', '2', '3'])
      expect(shown).toMatch(new RegExp(`attempt ${attempt} +failed .*: reason ${attempt}`));
    expect((await q.json('dlq', 'show', 't')).attempts.map((one: { reason: string }) => one.reason)).toEqual([
      'reason 1',
      'reason 2',
      'reason 3',
    ]);
  });

  test('is refused for a task that is no dead letter', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('dlq', 'show', 't')).toMatchObject({ exit: 4, hint: 'agentq status t' });
  });

  test('is refused for an unknown task', async ({ q }) => {
    expect((await q.refused('dlq', 'show', 't')).exit).toBe(3);
  });
});

describe('SINCE of a dead letter', () => {
  const since = async (q: Shell) => (await q.ok('dlq')).split('\n')[1]!.split(/ {2,}/)[4];

  test('is when the task failed, also after a refused change', async ({ q }) => {
    await failed(q, 't');
    q.advance(300);
    expect((await q.refused('complete', 't', '--from', 'r', '--summary', 'late')).exit).toBe(4);
    expect(await since(q)).toBe('5m ago');
    expect(await q.ok('list')).toContain('5m ago');
  });

  test('is when the task expired, also after a restore', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    q.advance(60);
    expect((await q.task('t')).status).toBe('expired');
    await q.ok('backup', 'b.db');
    q.advance(300);
    await q.ok('restore', 'b.db', '--force');
    expect(await since(q)).toBe('5m ago');
  });
});

describe('dlq retry', () => {
  test('queues the task again with new attempts, and keeps its history', async ({ q }) => {
    await q.submit('t', '--max-attempts', '1');
    await q.claim();
    await q.ok('fail', 't', '--from', 'r', '--reason', 'broken', '--retry');
    expect(await q.run('dlq', 'retry', 't')).toMatchObject({ code: 0, stdout: 't queued\n' });
    expect(await dead(q)).toEqual([]);
    expect(await q.claim()).toMatchObject({ task_id: 't', attempt: 2 });
    await q.ok('complete', 't', '--attempt', '2', '--summary', 'done');
    expect((await q.task('t')).attempts).toMatchObject([{ outcome: 'failed' }, { outcome: 'completed' }]);
  });

  test('records who has done it, and counts failures and not attempts', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('release', 't', '--from', 'r');
    for (const attempt of ['2', '3']) {
      await q.claim();
      await q.ok('fail', 't', '--attempt', attempt, '--reason', 'broken', '--retry');
      q.advance(3_600);
    }
    expect(await q.ok('claim', '--as', 'r')).toMatch(/^t {2}attempt 4 \(2 of 3 failures used\), leased until/);
    expect(await q.ok('status', 't')).toContain('attempt 4 (2 of 3 failures used) by r@host');
    await q.ok('fail', 't', '--attempt', '4', '--reason', 'broken', '--retry');
    await q.ok('dlq', 'retry', 't', '--from', 'boss');
    expect((await q.json('show', 't')).events.at(-1)).toMatchObject({ type: 'retried', by: 'boss' });
    expect(await q.ok('show', 't')).toMatch(/retried +by boss/);
    await q.claim();
    expect(await q.ok('show', 't')).toContain('attempt 5 (0 of 3 failures used)');
    await q.ok('fail', 't', '--attempt', '5', '--reason', 'no');
    await q.with({ env: { AGENTQ_AGENT: 'lead' } }).ok('dlq', 'purge', 't');
    expect((await q.json('show', 't')).events.at(-1)).toMatchObject({ type: 'dismissed', by: 'lead' });
  });

  test('begins the TTL of an expired task again', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    q.advance(3_600);
    await q.ok('dlq', 'retry', 't');
    q.advance(59);
    expect((await q.task('t')).status).toBe('queued');
    q.advance(1);
    expect((await q.task('t')).status).toBe('expired');
  });

  test('accepts several ids', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await failed(q, id);
    expect(await q.ok('dlq', 'retry', 'a', 'c')).toBe('a queued\nc queued');
    expect(await dead(q)).toEqual(['b']);
  });

  test('tries every id, also after one that is refused', async ({ q }) => {
    for (const id of ['a', 'b']) await failed(q, id);
    const { code, stdout, stderr } = await q.run('dlq', 'retry', 'a', 'nosuch', 'b');
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'a queued\nb queued\n' });
    expect(stderr).toContain('no task "nosuch"');
    expect(await dead(q)).toEqual([]);
  });

  test('--all retries all of them, more than one page', async ({ q }) => {
    const rows = Array.from({ length: 620 }, (_, i) =>
      JSON.stringify({ task_id: `t${i}`, to: 'r', instructions: 'x', ttl_seconds: 1 }),
    );
    await q.with({ stdin: rows.join('\n') }).ok('submit', '--batch', '-');
    q.advance(1);
    expect((await q.json('dlq', 'retry', '--all')).tasks).toHaveLength(620);
    expect(await dead(q)).toEqual([]);
  });

  test('--all without dead letters is no error', async ({ q }) => {
    expect(await q.json('dlq', 'retry', '--all')).toEqual({ tasks: [] });
  });

  test('is refused for a task that is no dead letter', async ({ q }) => {
    await q.submit('t');
    expect((await q.refused('dlq', 'retry', 't')).exit).toBe(4);
  });

  for (const [what, ...args] of [['neither ids nor --all'], ['both ids and --all', 't', '--all']] as const) {
    test(`is refused with ${what}`, async ({ q }) => {
      await failed(q, 't');
      expect(await q.refused('dlq', 'retry', ...args)).toMatchObject({
        exit: 2,
        hint: 'give their ids, or --all; see: agentq help dlq retry',
      });
      expect(await dead(q)).toEqual(['t']);
    });
  }
});

describe('dlq purge', () => {
  test('removes a dead letter from the list, and keeps its history', async ({ q }) => {
    await failed(q, 't');
    expect(await q.run('dlq', 'purge', 't')).toMatchObject({ code: 0, stdout: 't purged\n' });
    expect(await dead(q)).toEqual([]);
    expect(await q.task('t')).toMatchObject({
      status: 'failed',
      reason: 'broken',
      dismissed_at: '2027-03-01T12:00:00.000Z',
    });
  });

  test('succeeds a second time without a change', async ({ q }) => {
    await failed(q, 't');
    await q.ok('dlq', 'purge', 't');
    expect(await q.json('dlq', 'purge', 't')).toEqual({ tasks: [{ task_id: 't', status: 'failed', changed: false }] });
  });

  test('--all purges all of them', async ({ q }) => {
    for (const id of ['a', 'b']) await failed(q, id);
    expect((await q.json('dlq', 'purge', '--all')).tasks).toHaveLength(2);
    expect(await dead(q)).toEqual([]);
  });

  test('is refused for a task that is no dead letter', async ({ q }) => {
    await q.submit('t');
    expect((await q.refused('dlq', 'purge', 't')).exit).toBe(4);
  });

  test('is refused without ids, and purges nothing', async ({ q }) => {
    await failed(q, 't');
    expect((await q.run('dlq', 'purge')).code).toBe(2);
    expect(await dead(q)).toEqual(['t']);
  });
});
