import { writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** A table as rows of cells. At least two blanks separate columns. */
const cells = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));

describe('status', () => {
  test('names agentq submit if there are no tasks', async ({ q }) => {
    const ran = await q.run('status');
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(ran.stderr).toContain('agentq submit');
  });

  test('is an overview with one line per role', async ({ q }) => {
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await q.submit(id, '--ttl', '1h');
    await q.ok('submit', '--to', 's', '--instructions', 'x', '--delay', '1h');
    await q.claim('--worker', 'one');
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    await q.ok('fail', 'c', '--from', 'r', '--reason', 'no');
    await q.ok('cancel', 'd');
    q.advance(65);
    const ran = await q.run('status');
    const [titles, ...rows] = cells(ran.stdout);
    expect(titles).toEqual([
      'ROLE',
      'QUEUED',
      'OLDEST',
      'SCHEDULED',
      'NEXT',
      'WORKING',
      'DONE',
      'FAILED',
      'CANCELLED',
      'WORKERS',
    ]);
    expect(rows[0]).toEqual(['r', '2', '1m 5s', '0', '-', '1', '1', '1', '1', '1, last 1m ago']);
    expect(rows[1]).toEqual(['s', '0', '-', '1', 'in 58m', '0', '0', '0', '0', 'none seen']);
    expect(ran.stderr).toContain('1 dead letter: agentq dlq');
  });

  test('shows the running tasks below the overview', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one');
    await q.ok('progress', 't', '--percent', '40', '--note', 'reading');
    q.advance(90);
    const rows = cells(await q.ok('status'));
    expect(rows.at(-1)).toEqual(['t', 'one', '1m 30s', 'in 3m', '[####------] 40%', 'reading']);
  });

  test('counts expired tasks apart from the failed, in a column that only such queues have', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    await q.submit('u');
    await q.ok('fail', 'u', '--from', 'r', '--reason', 'no');
    expect(cells(await q.ok('status'))[0]).not.toContain('EXPIRED');
    q.advance(60);
    const [titles, row] = cells(await q.ok('status'));
    const counted = Object.fromEntries(titles!.map((title, n) => [title, row![n]]));
    expect(counted).toMatchObject({ FAILED: '1', EXPIRED: '1', CANCELLED: '0' });
  });

  test('omits a worker that has not claimed for a long time', async ({ q }) => {
    await q.submit('a');
    await q.ok('cancel', 'a');
    await q.run('claim', '--as', 'r', '--worker', 'one');
    expect((await q.json('status')).roles).toMatchObject([{ role: 'r', workers: [{ worker: 'one' }] }]);
    q.advance(3_600);
    expect((await q.json('status')).roles).toMatchObject([{ role: 'r', workers: [] }]);
  });

  test('--json has the same figures', async ({ q }) => {
    await q.submit('a');
    await q.submit('b');
    await q.claim('--worker', 'one');
    expect(await q.json('status')).toEqual({
      roles: [
        {
          role: 'r',
          tasks: { queued: 1, scheduled: 0, working: 1, completed: 0, failed: 0, cancelled: 0, expired: 0 },
          oldest_ready_at: '2027-03-01T12:00:00.000Z',
          workers: [{ worker: 'one', seen_at: '2027-03-01T12:00:00.000Z' }],
        },
      ],
      dead: 0,
    });
  });
});

describe('status ID', () => {
  test('shows a queued task', async ({ q }) => {
    await q.submit('t', '--type', 'review', '--priority', 'high');
    q.advance(180);
    expect((await q.ok('status', 't')).split('\n')).toEqual([
      't  queued',
      'from       coordinator to r, review, high',
      'submitted  3m ago',
      'do         do t',
      'ready      since 3m ago',
    ]);
  });

  test('shows the holder and the end of the lease', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one');
    const shown = await q.ok('status', 't');
    expect(shown).toContain('lease      attempt 1 (0 of 3 failures used) by one, ends in 5m');
    expect(shown).toContain('attempt 1  one, began now');
  });

  test('shows when a task is due and why it waits', async ({ q }) => {
    await q.submit('t', '--delay', '10m');
    expect(await q.ok('status', 't')).toContain('due        in 10m (delay)');
    await q.submit('u');
    await q.ok('fail', 'u', '--from', 'r', '--reason', 'flaky', '--retry');
    expect(await q.ok('status', 'u')).toContain('due        in 10s (backoff)');
  });

  test('shows the evidence of a completion', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'result');
    q.write('p.diff', 'patch');
    await q.ok(
      'complete',
      't',
      '--from',
      'r',
      '--summary',
      'all good',
      '--result-file',
      'out.md',
      '--artifact',
      'patch=p.diff',
    );
    const shown = await q.ok('status', 't');
    for (const line of [
      'completed  now by r',
      'summary    all good',
      'result     results/t.md, 6 bytes',
      'artifact   artifacts/t/1/patch.diff, 5 bytes',
    ]) {
      expect(shown.split('\n')).toContain(line);
    }
  });

  test('shows how many changes were refused, and the command that lists them', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'one');
    await q.run('complete', 't', '--from', 'r', '--summary', 'two');
    expect(await q.ok('status', 't')).toContain('refused    1 completion or failure (agentq show t)');
    const history = await q.ok('show', 't');
    expect(history).toContain('refused    1 completion or failure\n');
  });

  test('names every drift and ends with its own exit code', async ({ q }) => {
    q.write('context.md', 'background');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    const { artifacts_dir } = await q.claim();
    writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
    await q.ok('complete', 't', '--from', 'r');
    q.write('.agentq/tasks/t.md', 'other');
    q.write('.agentq/artifacts/t/1/patch.diff', 'forged!');
    const ran = await q.run('status', 't');
    expect(ran.code).toBe(16);
    expect(ran.stdout).toContain('drift      context (tasks/t.md) was changed since it was recorded');
    expect(ran.stdout).toContain('drift      patch (artifacts/t/1/patch.diff) was changed since it was recorded');
    expect(ran.stderr).toMatch(/^agentq: t: .*context.*patch.*\n$/);
  });

  test('names similar ids for an unknown task', async ({ q }) => {
    await q.submit('task-123');
    await q.submit('task-124');
    expect(await q.refused('status', 'task-12')).toMatchObject({
      exit: 3,
      code: 'not-found',
      hint: expect.stringMatching(/^did you mean (task-123, task-124|task-124, task-123)\?$/),
    });
  });

  test('names agentq list if no id is similar', async ({ q }) => {
    await q.submit('task-123');
    expect(await q.refused('status', 'nothing-like-it')).toMatchObject({
      exit: 3,
      hint: expect.stringContaining('agentq list'),
    });
  });

  test('finds a similar id among many others', async ({ q }) => {
    const rows = Array.from({ length: 500 }, (_, i) =>
      JSON.stringify({ task_id: `other-${i}`, to: 'r', instructions: 'x' }),
    );
    await q.submit('review-of-parser');
    await q.with({ stdin: rows.join('\n') }).ok('submit', '--batch', '-');
    expect((await q.refused('status', 'review-of-praser')).hint).toBe('did you mean review-of-parser?');
  });
});

describe('show', () => {
  test('shows all events in order, also refusals', async ({ q }) => {
    await q.submit('t', '--delay', '1m');
    q.advance(60);
    await q.claim('--worker', 'one');
    await q.ok('progress', 't', '--percent', '10', '--note', 'begun');
    q.advance(300);
    await q.claim('--worker', 'two');
    await q.run('complete', 't', '--attempt', '1', '--summary', 'late');
    await q.ok('release', 't', '--attempt', '2');
    await q.claim('--worker', 'three');
    await q.ok('complete', 't', '--attempt', '3', '--summary', 'done');
    const { events } = await q.json('show', 't');
    expect(events.map((event: { type: string }) => event.type).join(' ')).toBe(
      'submitted became-due claimed renewed lease-expired claimed refused released claimed completed',
    );
    const shown = await q.ok('show', 't');
    for (const line of [
      '2027-03-01T12:00:00.000Z +0s       submitted       by coordinator to r',
      '2027-03-01T12:01:00.000Z +1m       claimed         attempt 1 by one, lease until 2027-03-01T12:06:00.000Z',
      '2027-03-01T12:06:00.000Z +6m       completed       attempt 3 by r, 0 artifacts: done',
    ]) {
      expect(shown.split('\n')).toContain(line);
    }
    expect(shown).toContain('refused         complete by r: attempt 1 of t lost its lease');
  });

  for (const [what, type, ...commands] of [
    ['a failure', 'attempt-failed', ['fail', 't', '--from', 'r', '--reason', 'broken']],
    ['a retry', 'retried', ['fail', 't', '--from', 'r', '--reason', 'broken'], ['dlq', 'retry', 't']],
    ['a purge', 'dismissed', ['fail', 't', '--from', 'r', '--reason', 'broken'], ['dlq', 'purge', 't']],
    ['a cancel', 'cancelled', ['cancel', 't', '--reason', 'not needed']],
  ] as [string, string, ...string[][]][]) {
    test(`shows ${what}`, async ({ q }) => {
      await q.submit('t');
      for (const command of commands) await q.ok(...command);
      expect((await q.ok('show', 't')).split('\n').at(-1)).toMatch(
        new RegExp(`^2027-03-01T12:00:00.000Z \\+0s +${type} `),
      );
    });
  }

  test('names similar ids for an unknown task', async ({ q }) => {
    await q.submit('task-123');
    expect(await q.refused('show', 'task-12')).toMatchObject({ exit: 3, hint: 'did you mean task-123?' });
  });
});

describe('list', () => {
  test('reports that there are no tasks', async ({ q }) => {
    expect(await q.run('list')).toMatchObject({ code: 0, stdout: '', stderr: 'no tasks\n' });
  });

  test('shows the newest first, aligned under titles', async ({ q }) => {
    await q.submit('first');
    await q.submit('the-second-one');
    const [titles, ...rows] = cells(await q.ok('list'));
    expect(titles).toEqual(['ID', 'STATUS', 'FROM', 'TO', 'TRIES', 'UPDATED', 'WHAT']);
    expect(rows.map(([id]) => id)).toEqual(['the-second-one', 'first']);
    const lines = (await q.ok('list')).split('\n');
    const column = lines[0]!.indexOf('STATUS');
    for (const line of lines.slice(1)) expect(line.slice(column - 2)).toMatch(/^ {2}queued/);
  });

  test('lists all tasks of a sender', async ({ q }) => {
    await q.submit('first');
    await q.ok('complete', 'first', '--from', 'r', '--summary', 'done');
    await q.submit('second', '--from', 'other');
    await q.submit('third');
    const { tasks } = await q.json('list', '--from', 'coordinator');
    expect(tasks).toMatchObject([
      { task_id: 'third', status: 'queued' },
      { task_id: 'first', status: 'completed' },
    ]);
  });

  test('shows only one role', async ({ q }) => {
    await q.submit('a');
    await q.ok('submit', '--to', 's', '--id', 'b', '--instructions', 'x');
    expect((await q.json('list', '--to', 's')).tasks).toMatchObject([{ task_id: 'b' }]);
  });

  test('can be limited to states, by the current state of each task', async ({ q }) => {
    await q.submit('a', '--ttl', '1m');
    await q.submit('b');
    await q.submit('c', '--delay', '1m');
    q.advance(60);
    const ids = async (status: string) =>
      (await q.json('list', '--status', status)).tasks.map((task: { task_id: string }) => task.task_id);
    expect(await ids('queued')).toEqual(['c', 'b']);
    expect(await ids('expired,queued')).toEqual(['c', 'b', 'a']);
    expect(await ids('scheduled')).toEqual([]);
  });

  test('returns page after page, each task once', async ({ q }) => {
    for (let i = 0; i < 7; i++) await q.submit(`t${i}`);
    const seen: string[] = [];
    let next: string | undefined;
    do {
      const page = await q.json('list', '--limit', '3', ...(next ? ['--before', next] : []));
      seen.push(...page.tasks.map((task: { task_id: string }) => task.task_id));
      next = page.next;
    } while (next);
    expect(seen).toEqual(['t6', 't5', 't4', 't3', 't2', 't1', 't0']);
  });

  test('is refused for an unknown state, and names the known states', async ({ q }) => {
    const ran = await q.refused('list', '--status', 'queued,done');
    expect(ran.exit).toBe(2);
    expect(ran.message).toContain('queued, scheduled, working, completed, failed, cancelled, expired');
  });

  test('is refused for the page after an unknown task', async ({ q }) => {
    await q.submit('task-123');
    expect((await q.run('list', '--before', 'task-132')).code).toBe(3);
  });

  for (const limit of ['0', '-1', 'many', '1e3']) {
    test(`is refused with the limit ${limit}`, async ({ q }) => {
      expect((await q.refused('list', `--limit=${limit}`)).exit).toBe(2);
    });
  }
});
