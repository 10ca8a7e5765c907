import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('wait', () => {
  test('says on standard error how a task completed, by whom, and where its result is', async ({ q }) => {
    await q.submit('t');
    await q.submit('u');
    q.write('out.md', 'result');
    q.write('p.diff', 'patch');
    const files = ['--result-file', 'out.md', '--artifact', 'patch=p.diff'];
    await q.ok('complete', 't', '--from', 'r', '--summary', 'all good', ...files);
    await q.ok('complete', 'u', '--from', 'r', '--artifact', 'patch=p.diff');
    q.advance(120);
    expect(await q.run('wait', 't')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: `t completed 2m ago by r: all good; result ${q.path('.agentq/results/t.md')}; 1 artifact: agentq result t\n`,
    });
    expect((await q.run('wait', 'u')).stderr).toBe('u completed 2m ago by r: 1 artifact: agentq result u\n');
    expect((await q.run('wait', 't', '--json')).stderr).toBe('');
  });

  test('says who failed a task and why, and has its exit code', async ({ q }) => {
    await q.submit('t');
    await q.ok('fail', 't', '--from', 'r', '--reason', 'broken');
    const stderr = 't failed now by r in attempt 1: broken\n';
    expect(await q.run('wait', 't')).toMatchObject({ code: 6, stdout: '', stderr });
  });

  test('says who cancelled a task and why, and has its exit code', async ({ q }) => {
    await q.submit('t');
    await q.submit('u');
    await q.ok('cancel', 't', '--reason', 'not needed');
    await q.ok('cancel', 'u');
    const stderr = 't cancelled now by coordinator: not needed\n';
    expect(await q.run('wait', 't')).toMatchObject({ code: 5, stdout: '', stderr });
    expect((await q.run('wait', 'u')).stderr).toBe('u cancelled now by coordinator: no reason given\n');
  });

  test('says that a completion is empty, in each form; a terminal gets each cancellation once', async ({ q }) => {
    await q.submit('e');
    const worked = await q.run('work', '--as', 'r', '--until-empty', '--', '/bin/sh', '-c', 'true');
    expect(worked.stdout + worked.stderr).toContain('completed: empty: no summary');
    await q.submit('c');
    await q.ok('cancel', 'c', '--reason', 'no need');
    expect((await q.run('wait', 'e')).stderr).toContain(': empty: no summary');
    expect(await q.ok('wait', '--any', 'e', '--compact')).toContain('"empty":true');
    expect(await q.ok('list', '--compact')).toContain('"empty":true');
    const seen = await q.with({ tty: true, env: { NO_COLOR: '1' } }).run('wait', 'e', 'c');
    expect(seen.stdout).toMatch(
      /^e completed now by \S+: empty: [^\n]*\nc cancelled now by coordinator: no need\r?\n$/,
    );
    expect(seen.stderr).toBe('');
  });

  test('says that a task expired, and has its exit code', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    q.advance(60);
    const stderr = 't expired now: no worker had started it\n';
    expect(await q.run('wait', 't')).toMatchObject({ code: 7, stdout: '', stderr });
  });

  test('says after its timeout what is pending, and in which state', async ({ q }) => {
    await q.submit('t');
    await q.submit('u', '--delay', '10m');
    const late = (id: string) => q.run('wait', id, '--timeout', '0');
    expect(await late('t')).toMatchObject({
      code: 8,
      stdout: '',
      stderr: 'timeout: t is queued for r, ready for 0s\n',
    });
    expect((await late('u')).stderr).toBe('timeout: u is scheduled for r, due in 10m (delay)\n');
    await q.claim('--worker', 'one');
    await q.ok('progress', 't', '--percent', '40', '--note', 'reading');
    q.advance(60);
    expect((await late('t')).stderr).toBe('timeout: t is working: one for 1m, lease ends in 4m, 40%, reading\n');
    expect(await q.run('wait', 't', '--timeout', '0', '--json')).toMatchObject({ code: 8, stderr: '' });
  });

  test('ends after its timeout', async ({ q }) => {
    await q.submit('t');
    q.clock.drift = 10;
    expect(await q.run('wait', 't', '--timeout', '50ms')).toMatchObject({ code: 8, stdout: '' });
  });

  test('a timeout of 0 only checks the state', async ({ q }) => {
    await q.submit('t');
    expect((await q.run('wait', 't', '--timeout', '0')).code).toBe(8);
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await q.run('wait', 't', '--timeout', '0')).code).toBe(0);
  });

  test('ends when the task ends', async ({ q }) => {
    await q.submit('t');
    const waiting = q.start('wait', 't');
    await waiting.listening;
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await waiting.done).code).toBe(0);
  });

  test('ends when the task expires, without another command', async ({ q }) => {
    await q.submit('t', '--ttl', '50ms');
    q.clock.drift = 10;
    expect((await q.run('wait', 't')).code).toBe(7);
  });

  test('continues while a task is retried', async ({ q }) => {
    await q.submit('t');
    const waiting = q.start('wait', 't');
    await waiting.listening;
    await q.ok('fail', 't', '--from', 'r', '--reason', 'flaky', '--retry');
    q.advance(60);
    await q.claim();
    await q.ok('complete', 't', '--attempt', '2', '--summary', 'done');
    expect((await waiting.done).code).toBe(0);
  });

  test('ends at a signal', async ({ q }) => {
    await q.submit('t');
    const waiting = q.start('wait', 't');
    await waiting.listening;
    waiting.signal();
    const stderr = 'interrupted: t is queued for r, ready for 0s\n';
    expect(await waiting.done).toMatchObject({ code: 8, stdout: '', stderr });
  });

  test('is refused at once for an unknown id', async ({ q }) => {
    await q.submit('task-1');
    expect(await q.refused('wait', 'task-1', 'task-2')).toMatchObject({ exit: 3, hint: 'did you mean task-1?' });
  });

  test('is refused without an id', async ({ q }) => {
    expect(await q.refused('wait')).toMatchObject({ exit: 2, hint: expect.any(String) });
  });
});

describe('wait for several tasks', () => {
  test('waits for all of them and prints the status of each', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    const waiting = q.start('wait', 'a', 'b');
    await waiting.listening;
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    expect(await waiting.done).toMatchObject({ code: 0, stdout: 'a completed\nb completed\n', stderr: '' });
  });

  test('--any ends when the first task ends, and names it', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await q.submit(id);
    const waiting = q.start('wait', '--any', 'a', 'b', 'c');
    await waiting.listening;
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    expect(await waiting.done).toMatchObject({ code: 0, stdout: 'b completed\n' });
  });

  test('--any names a task that has failed', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('fail', 'b', '--from', 'r', '--reason', 'broken');
    expect(await q.run('wait', '--any', 'a', 'b')).toMatchObject({ code: 6, stdout: 'b failed\n' });
  });

  test('one task that did not complete decides the exit code', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    await q.ok('cancel', 'b');
    expect(await q.run('wait', '--all', 'a', 'b')).toMatchObject({
      code: 5,
      stdout: 'a completed\nb cancelled\n',
      stderr: expect.stringMatching(/^b cancelled now by coordinator: /),
    });
  });

  test('names the tasks that have ended before its timeout', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    await q.ok('complete', 'a', '--from', 'r', '--summary', 'done');
    expect(await q.run('wait', 'a', 'b', '--timeout', '0')).toMatchObject({
      code: 8,
      stdout: 'a completed\n',
      stderr: 'timeout: not ended: 1 of 2: b (queued)\n',
    });
  });

  test('--any and --all cannot be combined', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('wait', '--any', '--all', 't')).toMatchObject({
      exit: 2,
      hint: 'give one of them; see: agentq help wait',
    });
  });

  test('--json contains whether it is done, and every task in the order of the ids', async ({ q }) => {
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

test('a completion that delivered nothing is told as such', async ({ q }) => {
  for (const id of ['t', 'u']) await q.submit(id);
  await q.ok('complete', 't', '--from', 'r', '--empty');
  await q.ok('complete', 'u', '--from', 'r', '--summary', 'done');
  for (const args of [['t'], ['t', 'u'], ['--any', '--from', 'coordinator']])
    expect((await q.run('wait', ...args)).stderr).toContain(
      't completed now by r: empty: no summary, result or artifact',
    );
  const tasks = JSON.parse(await q.ok('wait', 't', 'u', '--compact')).tasks;
  expect(tasks).toMatchObject([{ empty: true }, { summary: 'done' }]);
  expect(JSON.parse(await q.ok('list', '--compact')).tasks.filter((task: any) => task.empty)).toHaveLength(1);
});
