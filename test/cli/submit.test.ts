import { describe, expect, test as base } from 'vitest';
import { BEGINNING, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('submit', () => {
  test('prints only the id', async ({ q }) => {
    const ran = await q.run('submit', '--to', 'r', '--instructions', 'look at it');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^task-[2-9a-z]{12}\n$/);
    expect(await q.task(ran.stdout.trim())).toMatchObject({ status: 'queued', to: 'r', from: 'coordinator' });
  });

  test('uses the given id', async ({ q }) => {
    expect(await q.submit('given')).toBe('given');
  });

  test('fills in the envelope', async ({ q }) => {
    await q.ok(
      'submit',
      '--to',
      'r',
      '--id',
      't',
      '--type',
      'review',
      '--from',
      'boss',
      '--priority',
      'high',
      '--instructions',
      'read it',
      '--ttl',
      '1h',
      '--expect',
      'summary, patch',
      '--format',
      'markdown',
      '--max-attempts',
      '5',
    );
    expect((await q.json('show', 't')).envelope).toEqual({
      task_id: 't',
      from: 'boss',
      to: 'r',
      type: 'review',
      priority: 'high',
      ttl_seconds: 3600,
      reply_to: 'results.boss',
      instructions: 'read it',
      expected_output: { format: 'markdown', artifacts: ['summary', 'patch'] },
      max_attempts: 5,
    });
  });

  test('stores a copy of the file, which does not change with the original', async ({ q }) => {
    q.write('context.txt', 'as submitted');
    const id = await q.ok('submit', '--to', 'r', '--file', 'context.txt');
    q.write('context.txt', 'edited since');
    expect(q.read(`.agentq/tasks/${id}.txt`)).toBe('as submitted');
    expect((await q.task(id)).context).toMatchObject({ size: 12, ref: `file://${q.cwd}/.agentq/tasks/${id}.txt` });
  });

  test('takes the context from standard input', async ({ q }) => {
    const id = await q.with({ stdin: 'from a pipe\n' }).ok('submit', '--to', 'r', '--file', '-');
    expect(q.read(`.agentq/tasks/${id}.md`)).toBe('from a pipe\n');
  });

  test('stores no file without a context', async ({ q }) => {
    await q.submit('t');
    expect(q.stored()).toEqual([]);
  });

  test('delays a task until it is due', async ({ q }) => {
    await q.submit('t', '--delay', '10m');
    expect(await q.task('t')).toMatchObject({ status: 'scheduled', why: 'delay', due_at: '2027-03-01T12:10:00.000Z' });
    q.advance(599);
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
    q.advance(1);
    expect((await q.claim()).task_id).toBe('t');
  });

  test('delays a task until a time in any time zone', async ({ q }) => {
    await q.submit('t', '--at', '2027-03-01T14:00:00+01:00');
    expect(await q.task('t')).toMatchObject({ status: 'scheduled', due_at: '2027-03-01T13:00:00.000Z' });
  });

  test('does not delay a task with a time in the past', async ({ q }) => {
    await q.submit('t', '--at', '2020-01-01T00:00:00Z');
    expect((await q.task('t')).status).toBe('queued');
  });

  test('--json contains the id, the status and whether the task is new', async ({ q }) => {
    expect(await q.json('submit', '--to', 'r', '--id', 't', '--instructions', 'x')).toEqual({
      task_id: 't',
      status: 'queued',
      created: true,
    });
  });
});

describe('an idempotent submit', () => {
  test('returns the same task for the same id and content', async ({ q }) => {
    await q.submit('t');
    q.advance(60);
    expect(await q.submit('t')).toBe('t');
    const { tasks } = await q.json('list');
    expect(tasks).toHaveLength(1);
    expect(tasks[0].submitted_at).toBe(new Date(BEGINNING).toISOString());
  });

  test('reports that a task that ended without a result is not submitted again', async ({ q }) => {
    const again = () => q.run('submit', '--to', 'r', '--id', 't', '--instructions', 'x');
    expect(await again()).toMatchObject({ code: 0, stderr: '' });
    expect(await again()).toMatchObject({ code: 0, stdout: 't\n', stderr: '' });
    await q.ok('cancel', 't');
    const note = 'agentq: t is cancelled: nothing was submitted\n';
    expect(await again()).toMatchObject({ code: 0, stdout: 't\n', stderr: note });
    const json = await q.run('submit', '--to', 'r', '--id', 't', '--instructions', 'x', '--json');
    expect(json.stderr).toBe('');
  });

  test('names an empty path', async ({ q }) => {
    expect(await q.refused('submit', '--to', 'r', '--file', '')).toMatchObject({
      exit: 2,
      message: expect.stringContaining('path is empty'),
    });
  });

  test('reports with --json that no task was created', async ({ q }) => {
    await q.submit('t');
    const again = await q.json('submit', '--to', 'r', '--id', 't', '--instructions', 'do t');
    expect(again).toMatchObject({ task_id: 't', created: false });
  });

  test('returns the current status of a completed task', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    const again = await q.json('submit', '--to', 'r', '--id', 't', '--instructions', 'do t');
    expect(again).toEqual({ task_id: 't', status: 'completed', created: false });
  });

  test('compares times as moments', async ({ q }) => {
    const at = ['submit', '--to', 'r', '--id', 't', '--instructions', 'x', '--at'];
    await q.ok(...at, '2027-04-01T00:00:00Z');
    expect(await q.json(...at, '2027-04-01T01:00:00+01:00')).toMatchObject({ created: false });
    expect(await q.refused(...at, '2027-04-01T01:00:00Z')).toMatchObject({
      exit: 4,
      message: 't exists with other content: not_before',
    });
  });

  test('refuses other content under the same id, and does not change the first task', async ({ q }) => {
    await q.submit('t');
    const before = await q.task('t');
    expect(await q.refused('submit', '--to', 'r', '--id', 't', '--instructions', 'other')).toMatchObject({
      exit: 4,
      code: 'conflict',
      message: 't exists with other content: instructions',
      hint: expect.stringContaining('--id'),
    });
    expect(await q.task('t')).toEqual(before);
  });

  test('returns the same task also if the config of its role has changed', async ({ q }) => {
    await q.submit('t');
    q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { r: { max_attempts: 5 } } }));
    expect(await q.run('submit', '--to', 'r', '--id', 't', '--instructions', 'do t')).toMatchObject({ code: 0 });
    expect((await q.task('t')).max_attempts).toBe(3);
  });

  for (const [what, ...more] of [
    ['role', '--to', 's'],
    ['priority', '--to', 'r', '--priority', 'low'],
    ['type', '--to', 'r', '--type', 'review'],
    ['expected artifact', '--to', 'r', '--expect', 'patch'],
    ['sender', '--to', 'r', '--from', 'other'],
  ] as const) {
    test(`counts another ${what} as other content`, async ({ q }) => {
      await q.submit('t');
      expect((await q.refused('submit', '--id', 't', '--instructions', 'do t', ...more)).exit).toBe(4);
    });
  }

  test('compares the content of the file, not its path', async ({ q }) => {
    q.write('a.md', 'same');
    q.write('b.md', 'same');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'a.md');
    expect(await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'b.md')).toBe('t');
    expect(q.stored()).toEqual(['tasks/t.md']);
  });

  test('removes the copy of the file if it is refused', async ({ q }) => {
    q.write('a.md', 'first');
    q.write('b.md', 'second');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'a.md');
    expect((await q.refused('submit', '--to', 'r', '--id', 't', '--file', 'b.md')).exit).toBe(4);
    expect(q.stored()).toEqual(['tasks/t.md']);
    expect(q.read('.agentq/tasks/t.md')).toBe('first');
  });

  test('an idempotency key belongs to one task', async ({ q }) => {
    const keyed = ['submit', '--to', 'r', '--instructions', 'nightly', '--idempotency-key', 'nightly 2027-03-01'];
    const id = await q.ok(...keyed);
    expect(id).toMatch(/^key-[0-9a-f]{16}$/);
    expect(await q.ok(...keyed)).toBe(id);
    expect((await q.json('list')).tasks).toHaveLength(1);
  });

  test('another key is another task', async ({ q }) => {
    const keyed = (key: string) => q.ok('submit', '--to', 'r', '--instructions', 'x', '--idempotency-key', key);
    expect(await keyed('a')).not.toBe(await keyed('b'));
  });

  test('refuses other content under the same key, and suggests another key', async ({ q }) => {
    await q.ok('submit', '--to', 'r', '--instructions', 'x', '--idempotency-key', 'k');
    expect(await q.refused('submit', '--to', 'r', '--instructions', 'y', '--idempotency-key', 'k')).toMatchObject({
      exit: 4,
      hint: expect.stringContaining('another key'),
    });
  });

  test('refuses an id together with a key', async ({ q }) => {
    const ran = await q.refused('submit', '--to', 'r', '--instructions', 'x', '--id', 't', '--idempotency-key', 'k');
    expect(ran).toMatchObject({ exit: 2, hint: expect.stringContaining('--idempotency-key') });
  });
});

describe('the TTL', () => {
  test('expires a task that was not claimed', async ({ q }) => {
    await q.submit('t', '--ttl', '1h');
    q.advance(3_599);
    expect((await q.task('t')).status).toBe('queued');
    q.advance(1);
    expect((await q.task('t')).status).toBe('expired');
  });

  test('begins at the end of a delay', async ({ q }) => {
    await q.submit('t', '--delay', '1h', '--ttl', '1h');
    q.advance(7_199);
    expect((await q.task('t')).status).toBe('queued');
    q.advance(1);
    expect((await q.task('t')).status).toBe('expired');
  });

  test('has no effect after a claim', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    await q.claim('--lease', '10m');
    q.advance(300);
    expect((await q.task('t')).status).toBe('working');
  });
});
