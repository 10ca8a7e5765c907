import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('claim', () => {
  test('returns the envelope, the attempt, the lease and the paths for the evidence', async ({ q }) => {
    q.write('context.md', 'background');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md', '--type', 'review', '--expect', 'patch');
    expect(await q.claim()).toEqual({
      task_id: 't',
      from: 'coordinator',
      to: 'r',
      type: 'review',
      priority: 'normal',
      reply_to: 'results.coordinator',
      expected_output: { artifacts: ['patch'] },
      context_ref: `file://${q.path('.agentq/tasks/t.md')}`,
      attempt: 1,
      lease: { worker: 'r@host', expires_at: '2027-03-01T12:05:00.000Z', seconds: 300 },
      context_file: q.path('.agentq/tasks/t.md'),
      result_file: q.path('.agentq/results/t.md'),
      artifacts_dir: q.path('.agentq/artifacts/t/1'),
      previous_failures: [],
      drift: [],
    });
    expect((await q.task('t')).status).toBe('working');
  });

  test('tells the last failures in short, and how many were before', async ({ q }) => {
    await q.submit('t', '--max-attempts', '1');
    for (let attempt = 1; attempt <= 12; attempt++) {
      await q.claim();
      await q.ok('fail', 't', '--attempt', `${attempt}`, '--from', 'r', '--reason', `${attempt} ${'x'.repeat(1_500)}`);
      await q.ok('dlq', 'retry', 't');
    }
    const { stdout } = await q.with({ env: { COLUMNS: '40' } }).run('claim', '--as', 'r');
    expect(stdout).toContain('before     2 earlier attempts: agentq show t\nbefore     attempt 3 failed: 3 xxx');
    expect(stdout.length).toBeLessThan(7_000);
    // A program takes the path from the line, also if COLUMNS is exported.
    expect(stdout).toMatch(/^result +\/\S+$/m);
    await q.ok('release', 't', '--attempt', '13', '--from', 'r');
    expect(await q.claim()).toMatchObject({ earlier_failures: 3, previous_failures: { length: 10 } });
  });

  test('prints the same as text, with the instructions at the end', async ({ q }) => {
    q.write('context.md', 'background');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md', '--instructions', 'first\nsecond');
    const { code, stdout } = await q.run('claim', '--as', 'r');
    expect(code).toBe(0);
    expect(stdout).toContain('t  attempt 1');
    for (const place of ['tasks/t.md', 'results/t.md', 'artifacts/t/1'])
      expect(stdout).toContain(q.path('.agentq', place));
    expect(stdout.endsWith('\nfirst\nsecond\n')).toBe(true);
  });

  test('creates the artifacts folder', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    expect(q.files('.agentq/artifacts/t/1')).toEqual([]);
  });

  test('prints nothing and ends with its own exit code if no task waits', async ({ q }) => {
    expect(await q.run('claim', '--as', 'r')).toMatchObject({ code: 9, stdout: '', stderr: '' });
    expect(await q.refused('claim', '--as', 'r')).toMatchObject({ exit: 9, code: 'empty' });
  });

  test('takes no task of another role', async ({ q }) => {
    await q.submit('t');
    expect((await q.run('claim', '--as', 's')).code).toBe(9);
  });

  test('takes the highest priority first, and the oldest of those', async ({ q }) => {
    for (const [id, priority] of [
      ['a', 'low'],
      ['b', 'normal'],
      ['c', 'high'],
      ['d', 'normal'],
      ['e', 'high'],
    ] as const) {
      await q.submit(id, '--priority', priority);
    }
    const order: string[] = [];
    for (let i = 0; i < 5; i++) order.push((await q.claim()).task_id);
    expect(order).toEqual(['c', 'e', 'b', 'd', 'a']);
  });

  test('concurrent claims never get the same task', async ({ q }) => {
    for (let i = 0; i < 5; i++) await q.submit(`t${i}`);
    const all = await Promise.all(Array.from({ length: 8 }, () => q.run('claim', '--as', 'r', '--json')));
    const ids = all.filter(({ code }) => code === 0).map((ran) => ran.json().task_id);
    expect(ids.toSorted((a, b) => a.localeCompare(b))).toEqual(['t0', 't1', 't2', 't3', 't4']);
    expect(all.filter(({ code }) => code === 9)).toHaveLength(3);
  });

  test('does not take a task whose TTL has passed', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    q.advance(60);
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
    expect((await q.task('t')).status).toBe('expired');
  });

  test('takes a lease of the given length', async ({ q }) => {
    await q.submit('t');
    expect((await q.claim('--lease', '90s')).lease).toMatchObject({
      seconds: 90,
      expires_at: '2027-03-01T12:01:30.000Z',
    });
  });

  test('takes a lease of the length in the config of the role', async ({ q }) => {
    q.write(
      '.agentq/config.json',
      JSON.stringify({ version: 1, defaults: { lease: '2m' }, roles: { r: { lease: '1m' } } }),
    );
    await q.submit('t');
    expect((await q.claim()).lease.seconds).toBe(60);
    await q.ok('submit', '--to', 's', '--instructions', 'x');
    expect((await q.json('claim', '--as', 's')).lease.seconds).toBe(120);
  });

  test('warns of a context that was changed since the submit', async ({ q }) => {
    q.write('context.md', 'background');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    q.write('.agentq/tasks/t.md', 'something else');
    const ran = await q.run('claim', '--as', 'r', '--json');
    expect(ran.json().drift).toEqual([
      { name: 'context', kind: 'changed', ref: `file://${q.path('.agentq/tasks/t.md')}` },
    ]);
    expect(ran.stderr).toContain('context is changed');
    await q.ok('release', 't', '--from', 'r');
    const plain = await q.ok('claim', '--as', 'r');
    expect(plain).toContain('context    do not use it: context (tasks/t.md) was changed since it was recorded');
    expect(plain).not.toContain(q.path('.agentq/tasks/t.md'));
  });

  test('is refused without a role', async ({ q }) => {
    expect(await q.refused('claim')).toMatchObject({ exit: 2, hint: expect.any(String) });
  });
});

describe('claim --wait', () => {
  test('takes a waiting task at once', async ({ q }) => {
    await q.submit('t');
    expect((await q.claim('--wait', '30s')).task_id).toBe('t');
  });

  test('wakes for a submitted task', async ({ q }) => {
    const waiting = q.start('claim', '--as', 'r', '--wait', '1h', '--json');
    await waiting.listening;
    await q.submit('t');
    expect((await waiting.done).json().task_id).toBe('t');
  });

  test('wakes for a released task', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    const waiting = q.start('claim', '--as', 'r', '--wait', '1h', '--json');
    await waiting.listening;
    await q.ok('release', 't', '--from', 'r');
    expect((await waiting.done).json()).toMatchObject({ task_id: 't', attempt: 2 });
  });

  test('takes a delayed task when it is due', async ({ q }) => {
    await q.submit('t', '--delay', '50ms');
    q.clock.drift = 10;
    expect((await q.claim('--wait', '1h')).task_id).toBe('t');
  });

  test('prints nothing and ends after its timeout', async ({ q }) => {
    q.clock.drift = 10;
    expect(await q.run('claim', '--as', 'r', '--wait', '50ms')).toMatchObject({ code: 9, stdout: '', stderr: '' });
  });

  test('ends at a signal and claims nothing', async ({ q }) => {
    const waiting = q.start('claim', '--as', 'r', '--wait', '1h');
    await waiting.listening;
    waiting.signal();
    expect((await waiting.done).code).toBe(9);
    await q.submit('t');
    expect((await q.task('t')).status).toBe('queued');
  });
});

describe('a lease', () => {
  test('that ends makes the task available, and the next claim is another attempt', async ({ q }) => {
    await q.submit('t');
    expect((await q.claim('--worker', 'one')).attempt).toBe(1);
    q.advance(299);
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
    q.advance(1);
    expect(await q.claim('--worker', 'two')).toMatchObject({ task_id: 't', attempt: 2 });
    expect((await q.task('t')).attempts).toMatchObject([
      { number: 1, worker: 'one', outcome: 'lease-expired', reason: expect.stringContaining('one') },
      { number: 2, worker: 'two' },
    ]);
  });

  test('that ends too often makes the task a dead letter', async ({ q }) => {
    await q.submit('t', '--max-attempts', '2');
    for (let i = 0; i < 2; i++) {
      await q.claim();
      q.advance(300);
    }
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
    expect(await q.json('dlq')).toMatchObject({ tasks: [{ task_id: 't', status: 'failed', attempts: [{}, {}] }] });
  });

  test('gives every attempt its own paths', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(300);
    expect(await q.claim()).toMatchObject({
      result_file: q.path('.agentq/results/t@2.md'),
      artifacts_dir: q.path('.agentq/artifacts/t/2'),
    });
  });
});

describe('progress', () => {
  test('renews the lease and prints nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(200);
    expect(await q.run('progress', 't')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    q.advance(200);
    expect((await q.task('t')).status).toBe('working');
    q.advance(100);
    expect((await q.task('t')).status).toBe('queued');
  });

  test('prints the new end of the lease with --json', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(60);
    expect(await q.json('progress', 't', '--lease', '10m')).toEqual({
      task_id: 't',
      attempt: 1,
      lease_expires_at: '2027-03-01T12:11:00.000Z',
    });
  });

  test('renews for as long as the claim took the lease, unless another length is given', async ({ q }) => {
    await q.submit('t');
    await q.claim('--lease', '2s');
    q.advance(1);
    expect(await q.json('progress', 't', '--percent', '1')).toMatchObject({
      lease_expires_at: '2027-03-01T12:00:03.000Z',
    });
    expect(await q.json('progress', 't', '--lease', '10m')).toMatchObject({
      lease_expires_at: '2027-03-01T12:10:01.000Z',
    });
  });

  test('shows the progress in the status', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('progress', 't', '--percent', '40', '--note', 'reading');
    expect((await q.task('t')).progress).toEqual({ percent: 40, note: 'reading', at: '2027-03-01T12:00:00.000Z' });
    const shown = await q.ok('status', 't');
    expect(shown).toContain('[########------------] 40%');
    expect(shown).toContain('reading');
  });

  test('keeps the percentage if a later progress has only a note', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('progress', 't', '--percent', '40');
    await q.ok('progress', 't', '--note', 'writing');
    expect((await q.task('t')).progress).toMatchObject({ percent: 40, note: 'writing' });
  });

  test('keeps the previous note if the new note is empty', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('progress', 't', '--note', 'reading');
    await q.ok('progress', 't', '--note', '');
    expect((await q.task('t')).progress).toMatchObject({ note: 'reading' });
  });

  test('has its own exit code for a cancelled task', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('cancel', 't', '--reason', 'changed my mind');
    expect(await q.refused('progress', 't')).toMatchObject({
      exit: 5,
      code: 'cancelled',
      message: expect.stringContaining('changed my mind'),
      hint: 'stop working on it',
    });
  });

  test('is refused for an attempt that has lost its lease, and changes nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one');
    q.advance(300);
    await q.claim('--worker', 'two');
    const before = await q.task('t');
    expect(await q.refused('progress', 't', '--attempt', '1', '--percent', '99')).toMatchObject({
      exit: 4,
      code: 'conflict',
    });
    expect(await q.task('t')).toEqual(before);
  });

  test('is refused for an attempt whose lease has ended, also without another claim', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(300);
    expect((await q.refused('progress', 't', '--attempt', '1')).exit).toBe(4);
    expect((await q.task('t')).status).toBe('queued');
  });

  test('is refused for a task that was not claimed', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('progress', 't')).toMatchObject({ exit: 4, hint: 'claim it first' });
  });

  test('is refused from another worker', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one');
    expect(await q.refused('progress', 't', '--from', 'two')).toMatchObject({ exit: 4, hint: expect.any(String) });
  });

  for (const percent of ['101', '-1', '4.5', 'half']) {
    test(`is refused at ${percent} percent`, async ({ q }) => {
      await q.submit('t');
      await q.claim();
      expect((await q.refused('progress', 't', `--percent=${percent}`)).exit).toBe(2);
      expect((await q.task('t')).progress).toBeUndefined();
    });
  }

  test('is refused with a note that is too long', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    expect(await q.refused('progress', 't', '--note', 'x'.repeat(2_001))).toMatchObject({ exit: 13 });
  });
});
