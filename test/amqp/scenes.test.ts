import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { gone, hasProc } from '../worker/harness.ts';
import { test } from './fixture.ts';
import { TIME_LIMIT, ROLES, SHORT_LEASE, SLOW } from './site.ts';

describe('a coordinator and two workers on three machines', { timeout: SLOW }, () => {
  test('share the tasks, and the coordinator reads every result', async ({ cast: { site, lead, one, two } }) => {
    const script = `cat > /dev/null; touch "$OUT/$AGENTQ_TASK_ID"; until_there a; until_there b; echo "done $AGENTQ_TASK_ID"`;
    const workers = [one.work(script, '--worker', 'w1'), two.work(script, '--worker', 'w2')];
    site.write('a.md', 'context of a\n');
    await lead.ok('submit', '--to', 'r', '--id', 'a', '--file', site.path('a.md'));
    await lead.submit('b');
    // Each child waits for the other, so two workers run at the same time.
    expect(await lead.wait('a', 'b')).toBe(0);
    expect(await lead.ok('result', 'a')).toBe('done a');
    const shown = await Promise.all(['a', 'b'].map((id) => lead.task(id)));
    expect(shown.map(({ attempts }) => attempts.map(({ worker }) => worker).join()).toSorted()).toEqual(['w1', 'w2']);
    expect(shown.map(({ completed_by }) => completed_by)).toEqual(['r', 'r']);
    expect((await lead.json<Output<'list'>>('list', '--from', 'coordinator')).tasks).toHaveLength(2);
    expect(await two.json('status', 'a')).toMatchObject({ status: 'completed', drift: [] });
    const stats = await lead.json<Output<'stats'>>('stats', '--by', 'worker');
    expect(stats.total).toMatchObject({ submitted: 2, completed: 2, wait: { count: 2 }, run: { count: 2 } });
    expect(stats.parts.map(({ key, completed }) => [key, completed])).toEqual([
      ['w1', 1],
      ['w2', 1],
    ]);
    const ofOne = await lead.json<Output<'list'>>('list', '--worker', 'w1', '--since', '1h');
    expect(ofOne.tasks.map(({ attempts: [attempt] }) => attempt!.worker)).toEqual(['w1']);
    expect(await lead.json('status', '--stuck')).toEqual({ roles: [], tasks: [] });
    const { roles } = await lead.json<Output<'status'>>('status');
    expect(roles).toMatchObject([{ role: 'r', tasks: { completed: 2 } }]);
    expect(roles[0]!.workers.map(({ worker }) => worker).toSorted()).toEqual(['w1', 'w2']);
    for (const worker of workers) worker.signal('SIGTERM');
    await Promise.all(workers.map((worker) => worker.finished()));
  });

  test('each result message is read once, on any machine', async ({ cast: { lead, one } }) => {
    await lead.submit('a');
    await one.workOff('echo fine');
    await lead.submit('b');
    await one.ok('fail', 'b', '--from', 'r', '--reason', 'no');
    const { messages } = await lead.json<Output<'inbox'>>('inbox', '--as', 'coordinator');
    expect(messages).toEqual([
      {
        task_id: 'a',
        from: 'r',
        by: expect.stringMatching(/^r@/),
        to: 'coordinator',
        status: 'completed',
        result_ref: expect.any(String),
        summary: 'fine',
      },
      { task_id: 'b', from: 'r', to: 'coordinator', status: 'failed', reason: 'no' },
    ]);
    expect(readFileSync(new URL(messages[0]!.result_ref!), 'utf8')).toBe('fine\n');
    expect(await lead.code('inbox')).toBe(9);
    expect(await one.code('inbox', '--as', 'coordinator')).toBe(9);
  });

  test('a waiting command wakes when another machine completes the task', async ({ cast: { lead, one } }) => {
    await lead.submit('a');
    const waiting = lead.start('wait', 'a', '--timeout', TIME_LIMIT);
    const asking = lead.start('inbox', '--wait', TIME_LIMIT, '--json');
    const watching = lead.start('status', '--watch', '--interval', '500ms', '--json');
    await expect.poll(() => watching.stdout, { timeout: 60_000 }).toContain('"queued":1');
    await one.claim();
    await one.ok('complete', 'a', '--from', 'r', '--summary', 'by hand');
    expect(await waiting.ended).toEqual({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^a completed .*by hand/),
    });
    await expect.poll(() => watching.stdout, { timeout: 60_000 }).toContain('"completed":1');
    watching.signal('SIGINT');
    expect(await watching.ended).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse((await asking.ended).stdout)).toMatchObject({ messages: [{ task_id: 'a', summary: 'by hand' }] });
  });

  test('wait --any ends when the first task ends', async ({ cast: { lead, one } }) => {
    await lead.submit('a');
    await lead.submit('b');
    const waiting = lead.start('wait', '--any', 'a', 'b', '--timeout', TIME_LIMIT, '--json');
    await one.ok('complete', 'b', '--from', 'r', '--summary', 'x');
    const { code, stdout } = await waiting.ended;
    expect(code).toBe(0);
    const { done, tasks } = JSON.parse(stdout) as Output<'wait'>;
    expect({ done, states: tasks.map(({ status }) => status) }).toEqual({
      done: true,
      states: ['completed'],
    });
    expect(await lead.code('wait', 'a', '--timeout', '10ms')).toBe(8);
  });

  test('a cancellation stops the child on the other machine', async ({ cast: { site, lead, one }, skip }) => {
    skip(!hasProc, 'the system does not show its processes');
    await lead.submit('a');
    const worker = one.work('echo $$ > "$OUT/pid"; sleep 1000 & wait');
    const pids = (await site.lines('pid')).map(Number);
    await lead.ok('cancel', 'a');
    await gone(pids);
    await worker.reported('cancelled', { task_id: 'a' });
    expect(await lead.wait('a')).toBe(5);
    expect(await lead.task('a')).toMatchObject({ status: 'cancelled', cancelled_by: 'coordinator' });
    await expect.poll(async () => (await lead.task('a')).stopped_at, { timeout: SLOW }).toEqual(expect.any(String));
  });

  test('a second submit with the same key returns the first task, from any machine', async ({
    cast: { site, lead, two },
  }) => {
    const submit = ['submit', '--to', 'r', '--idempotency-key', 'monday', '--instructions', 'once'];
    const [first, second] = await Promise.all([lead.json(...submit), two.json(...submit)]);
    expect(second.task_id).toBe(first.task_id);
    expect([first, second].filter(({ created }) => created)).toHaveLength(1);
    expect(await two.refused(...submit.slice(0, -1), 'another')).toMatchObject({ exit: 4 });
    await two.workOff('echo once >> "$OUT/ran"');
    expect(await lead.json(...submit)).toMatchObject({ created: false, status: 'completed' });
    expect(site.read('ran')).toBe('once\n');
  });

  test('a batch is submitted completely, and each of its tasks is completed once', async ({
    cast: { site, lead, one, two },
  }) => {
    const rows = Array.from({ length: 12 }, (_, i) => ({ task_id: `t${i}`, to: 'r', instructions: 'x' }));
    const batch = (name: string, all: readonly object[]) =>
      site.write(name, all.map((row) => JSON.stringify(row)).join('\n'));
    const bad = batch('bad.jsonl', [...rows, { task_id: 'u', to: 'r' }]);
    expect(await lead.refused('submit', '--batch', bad)).toMatchObject({ exit: 14 });
    const undeclared = batch('undeclared.jsonl', [...rows, { task_id: 'u', to: 'no-such-role', instructions: 'x' }]);
    expect(await lead.refused('submit', '--batch', undeclared)).toMatchObject({ exit: 27 });
    expect((await lead.json<Output<'list'>>('list')).tasks).toEqual([]);
    const good = batch('good.jsonl', rows);
    expect(await lead.json('submit', '--batch', good)).toMatchObject({ created: 12 });
    expect(await two.json('submit', '--batch', good)).toMatchObject({ created: 0 });
    await Promise.all([one, two].map((machine) => machine.workOff('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"')));
    expect(site.read('ran').trim().split('\n').toSorted()).toEqual(rows.map(({ task_id }) => task_id).toSorted());
    expect(await lead.wait(...rows.map(({ task_id }) => task_id))).toBe(0);
    // Completion reads what this machine knows.
    expect((await lead.run('__complete', 'show', 't11')).stdout).toBe('t11\tcompleted, to r\n');
    expect((await lead.run('__complete', 'list', '--to', '')).stdout).toBe('r\n');
  });

  test('expected artifacts are required, and verified when they are read', async ({ cast: { site, lead, one } }) => {
    await lead.submit('a', '--expect', 'patch');
    await one.claim();
    expect(await one.refused('complete', 'a', '--from', 'r', '--summary', 'x')).toMatchObject({ exit: 15 });
    site.write('patch.diff', '+1\n');
    await one.ok('complete', 'a', '--from', 'r', '--summary', 'x', '--artifact', `patch=${site.path('patch.diff')}`);
    const { artifacts } = await lead.json<Output<'result'>>('result', 'a');
    expect(artifacts).toMatchObject([{ name: 'patch', size: 3 }]);
    const { ref } = artifacts[0]!;
    expect(ref).toContain('/store/artifacts/a/');
    site.write(new URL(ref).pathname.slice(site.folder.length), '+2\n');
    expect(await lead.refused('result', 'a')).toMatchObject({ exit: 16, message: expect.stringContaining('patch') });
  });

  test('a worker that has lost its lease cannot change the task', async ({ cast: { lead, one, two } }) => {
    await lead.submit('a');
    expect(await one.claim('--lease', SHORT_LEASE)).toMatchObject({ task_id: 'a', attempt: 1 });
    expect(await two.claim()).toMatchObject({ task_id: 'a', attempt: 2 });
    for (const late of [
      ['progress', 'a', '--attempt', '1', '--percent', '10'],
      ['complete', 'a', '--attempt', '1', '--summary', 'late'],
      ['release', 'a', '--attempt', '1'],
      ['fail', 'a', '--attempt', '1', '--reason', 'late'],
    ]) {
      expect(await one.refused(...late)).toMatchObject({ exit: 4 });
    }
    await two.ok('progress', 'a', '--attempt', '2', '--percent', '40', '--note', 'half way');
    expect(await lead.task('a')).toMatchObject({
      status: 'working',
      lease: { attempt: 2 },
      progress: { percent: 40, note: 'half way' },
    });
    await two.ok('release', 'a', '--attempt', '2');
    expect(await one.claim()).toMatchObject({ attempt: 3 });
    await one.ok('complete', 'a', '--attempt', '3', '--summary', 'at last');
    expect(await two.refused('complete', 'a', '--attempt', '2', '--summary', 'late')).toMatchObject({ exit: 4 });
    expect(await lead.ok('result', 'a')).toBe('at last');
    expect((await lead.task('a')).refused).toBeGreaterThanOrEqual(3);
  });

  test('a machine that is added later has the whole history', async ({ cast: { site, lead, one } }) => {
    await lead.submit('a');
    await one.workOff('echo result');
    const late = await site.machine('late');
    expect(await late.ok('result', 'a')).toBe('result');
    expect(await late.events('a')).toEqual(await lead.events('a'));
    expect(await late.ok('doctor')).not.toContain('problem');
  });

  test('each role has its own tasks', async ({ cast: { lead, one } }) => {
    await lead.submit('a');
    expect(ROLES).toEqual(['r', 's']);
    expect(await one.code('claim', '--as', 's')).toBe(9);
    expect(await one.refused('complete', 'a', '--from', 's', '--summary', 'x')).toMatchObject({ exit: 4 });
    expect(await one.claim()).toMatchObject({ task_id: 'a' });
  });

  test('a coordinator edits a task, and has it done again by another machine', async ({ cast: { lead, one, two } }) => {
    await lead.submit('a', '--priority', 'low');
    await lead.ok('edit', 'a', '--to', 's', '--instructions', 'do it well', '--reason', 'it is for s');
    expect(await one.code('claim', '--as', 'r')).toBe(9);
    const claim = ['claim', '--as', 's'];
    expect(await one.json(...claim)).toMatchObject({ task_id: 'a', instructions: 'do it well' });
    expect(await lead.refused('edit', 'a', '--priority', 'high')).toMatchObject({ exit: 4 });
    await one.ok('complete', 'a', '--from', 's', '--summary', 'first');
    await lead.ok('redo', 'a', '--reason', 'it lacks a part');
    expect(await lead.code('inbox')).toBe(9);
    expect(await two.json(...claim)).toMatchObject({ task_id: 'a', attempt: 2 });
    await two.ok('complete', 'a', '--attempt', '2', '--summary', 'second');
    expect(await lead.json('inbox')).toMatchObject({ messages: [{ task_id: 'a', summary: 'second' }] });
    expect(await one.task('a')).toMatchObject({ redone: [{ reason: 'it lacks a part', summary: 'first' }] });
    expect((await one.events('a')).map(({ type }) => type)).toEqual([
      'submitted',
      'edited',
      'claimed',
      'completed',
      'redone',
      'claimed',
      'completed',
    ]);
  });
});
