import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('AGENTQ_AGENT', () => {
  test('is the sender of a submit and the receiver of the result message', async ({ q }) => {
    const boss = q.with({ env: { AGENTQ_AGENT: 'boss' } });
    await boss.submit('t');
    expect((await q.json('show', 't')).envelope).toMatchObject({ from: 'boss', reply_to: 'results.boss' });
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await q.run('inbox')).code).toBe(9);
    expect((await boss.json('inbox')).messages).toMatchObject([{ task_id: 't' }]);
  });

  test('is the worker of a claim', async ({ q }) => {
    await q.submit('t');
    expect((await q.with({ env: { AGENTQ_AGENT: 'agent-7' } }).claim()).lease.worker).toBe('agent-7');
  });

  test('is the sender of complete, fail, release and progress', async ({ q }) => {
    const agent = q.with({ env: { AGENTQ_AGENT: 'agent-7' } });
    await q.submit('t');
    await agent.claim();
    await agent.ok('progress', 't', '--percent', '10');
    await agent.ok('release', 't');
    await agent.claim();
    await agent.ok('complete', 't', '--attempt', '2', '--summary', 'done');
    expect((await q.task('t')).completed_by).toBe('agent-7');
    await q.submit('u');
    await agent.claim();
    await agent.ok('fail', 'u', '--reason', 'no');
    expect((await q.json('show', 'u')).events.at(-1)).toMatchObject({ by: 'agent-7' });
  });

  test('is the sender of cancel and dlq retry', async ({ q }) => {
    const boss = q.with({ env: { AGENTQ_AGENT: 'boss' } });
    await q.submit('t');
    await boss.ok('cancel', 't');
    expect((await q.task('t')).cancelled_by).toBe('boss');
    await q.submit('u');
    await q.ok('fail', 'u', '--from', 'r', '--reason', 'no');
    await boss.ok('dlq', 'retry', 'u');
    expect((await q.json('show', 'u')).events.at(-1)).toMatchObject({ type: 'retried', by: 'boss' });
  });

  test('is overridden by the command line', async ({ q }) => {
    const boss = q.with({ env: { AGENTQ_AGENT: 'boss' } });
    await boss.submit('t', '--from', 'other');
    expect((await q.task('t')).from).toBe('other');
    expect((await boss.claim('--worker', 'agent-7')).lease.worker).toBe('agent-7');
    await boss.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await boss.json('inbox', '--as', 'other')).messages).toHaveLength(1);
  });

  test('is refused if it names another worker', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'agent-7');
    const other = q.with({ env: { AGENTQ_AGENT: 'agent-8' } });
    expect((await other.refused('complete', 't', '--summary', 'done')).exit).toBe(4);
  });

  test('of another agent, with the attempt that holds the lease, is a wrong command and no lost lease', async ({
    q,
  }) => {
    await q.submit('t');
    await q.claim('--worker', 'gw');
    const lead = q.with({ env: { AGENTQ_AGENT: 'lead' } });
    for (const args of [['progress'], ['complete', '--summary', 's'], ['fail', '--reason', 'no'], ['release']]) {
      const [verb, ...rest] = args as [string, ...string[]];
      expect(await lead.refused(verb, 't', '--attempt', '1', ...rest)).toMatchObject({
        exit: 2,
        message: 't is held by gw, not by lead',
        hint: expect.stringContaining('--from gw'),
      });
    }
    await lead.ok('complete', 't', '--attempt', '1', '--summary', 'done', '--from', 'gw');
  });

  test('is what me stands for, in every command, and it is no name', async ({ q }) => {
    const boss = q.with({ env: { AGENTQ_AGENT: 'boss' } });
    await boss.submit('t', '--from', 'me');
    expect((await boss.json('list', '--from', 'me')).tasks).toMatchObject([{ task_id: 't', from: 'boss' }]);
    await boss.ok('note', 'plan', '--as', 'me');
    expect((await boss.json('note', '--from', 'me')).notes).toMatchObject([{ by: 'boss' }]);
    expect((await boss.json('brief', '--as', 'me')).as).toBe('boss');
    await boss.ok('claim', '--as', 'r', '--worker', 'me');
    expect((await boss.json('list', '--worker', 'me')).tasks).toHaveLength(1);
    await boss.ok('release', 't', '--from', 'me', '--attempt', '1');
    await boss.ok('cancel', 't', '--from', 'me');
    expect((await q.task('t')).cancelled_by).toBe('boss');
    expect((await boss.json('inbox', '--as', 'me')).messages).toHaveLength(1);
    await q.submit('u', '--from', 'me');
    expect((await q.task('u')).from).toBe('coordinator');
    expect(await q.refused('claim', '--as', 'r', '--worker', 'me')).toMatchObject({ exit: 2 });
    expect(await q.with({ env: { AGENTQ_AGENT: 'me' } }).refused('submit', '--to', 'r')).toMatchObject({ exit: 2 });
    const row = { to: 'r', instructions: 'x', from: 'me' };
    expect((await q.run('submit', '--batch', q.write('rows', JSON.stringify(row)))).stderr).toMatch(
      /from: me is no name/,
    );
  });

  for (const value of ['a b', '../x', '-x', 'a/b']) {
    test(`with the value ${JSON.stringify(value)} is refused and named`, async ({ q }) => {
      expect(
        await q.with({ env: { AGENTQ_AGENT: value } }).refused('submit', '--to', 'r', '--instructions', 'x'),
      ).toMatchObject({
        exit: 11,
        code: 'invalid-name',
        message: expect.stringMatching(/^AGENTQ_AGENT is not a valid agent name/),
      });
      expect((await q.json('list')).tasks).toEqual([]);
    });
  }

  test('counts as absent if it is empty', async ({ q }) => {
    await q.with({ env: { AGENTQ_AGENT: '' } }).submit('t');
    expect((await q.task('t')).from).toBe('coordinator');
  });
});

describe('AGENTQ_TASK_ID and AGENTQ_ATTEMPT', () => {
  const child = { AGENTQ_TASK_ID: 't', AGENTQ_ATTEMPT: '1' };

  test('name the task and the attempt of a child', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    const inner = q.with({ env: child });
    expect(await inner.json('progress', '--percent', '50')).toMatchObject({ task_id: 't', attempt: 1 });
    await inner.ok('complete', '--summary', 'done');
    expect((await q.task('t')).status).toBe('completed');
  });

  for (const verb of ['progress', 'release']) {
    test(`are enough for ${verb}`, async ({ q }) => {
      await q.submit('t');
      await q.claim();
      expect((await q.with({ env: child }).run(verb)).code).toBe(0);
    });
  }

  test('are enough for fail, with a reason', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.with({ env: child }).ok('fail', '--reason', 'no');
    expect((await q.task('t')).status).toBe('failed');
  });

  test('make the commands of a child fail whose attempt has lost its lease', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(300);
    await q.claim();
    const inner = q.with({ env: { ...child, AGENTQ_AGENT: 'r' } });
    for (const args of [['progress'], ['complete', '--summary', 'late'], ['fail', '--reason', 'late'], ['release']]) {
      expect((await inner.refused(...args)).exit).toBe(4);
    }
    expect(await q.task('t')).toMatchObject({ status: 'working', lease: { attempt: 2 } });
  });

  test('the attempt is not used for another task', async ({ q }) => {
    for (const id of ['t', 'u']) await q.submit(id);
    await q.claim();
    await q.claim('--worker', 'agent-7');
    const inner = q.with({ env: { ...child, AGENTQ_ATTEMPT: '5', AGENTQ_AGENT: 'agent-7' } });
    await inner.ok('complete', 'u', '--summary', 'done');
    expect((await q.task('u')).status).toBe('completed');
  });

  test('the attempt is used if the command line names the same task', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    expect((await q.with({ env: { ...child, AGENTQ_ATTEMPT: '2' } }).refused('complete', 't')).exit).toBe(4);
  });

  test('are overridden by the command line', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.with({ env: { ...child, AGENTQ_ATTEMPT: '2' } }).ok('complete', 't', '--attempt', '1', '--summary', 's');
    expect((await q.task('t')).status).toBe('completed');
  });

  test('without them a command of a worker names what is missing', async ({ q }) => {
    for (const args of [['progress'], ['complete'], ['release'], ['fail', '--reason', 'no']]) {
      expect(await q.refused(...args)).toMatchObject({ exit: 2, hint: expect.stringContaining('AGENTQ_TASK_ID') });
    }
  });

  for (const [env, exit, message] of [
    [{ AGENTQ_TASK_ID: '../t' }, 11, /^AGENTQ_TASK_ID is not a valid task id/],
    [{ AGENTQ_TASK_ID: 't', AGENTQ_ATTEMPT: 'last' }, 2, /^AGENTQ_ATTEMPT is not a whole number/],
    [{ AGENTQ_TASK_ID: 't', AGENTQ_ATTEMPT: '0' }, 2, /^AGENTQ_ATTEMPT is not a whole number/],
    [{ AGENTQ_TASK_ID: 't', AGENTQ_ATTEMPT: '-1' }, 2, /^AGENTQ_ATTEMPT is not a whole number/],
  ] as const) {
    test(`${JSON.stringify(env)} is refused and named`, async ({ q }) => {
      await q.submit('t');
      await q.claim();
      expect(await q.with({ env }).refused('complete')).toMatchObject({
        exit,
        message: expect.stringMatching(message),
      });
      expect((await q.task('t')).status).toBe('working');
    });
  }

  test('count as absent if they are empty', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q
      .with({ env: { AGENTQ_TASK_ID: '', AGENTQ_ATTEMPT: '' } })
      .ok('complete', 't', '--from', 'r', '--summary', 's');
    expect((await q.task('t')).status).toBe('completed');
  });
});

test('without these variables agents and workers have default names', async ({ q }) => {
  await q.submit('t');
  expect(await q.task('t')).toMatchObject({ from: 'coordinator' });
  expect((await q.claim()).lease.worker).toBe('r@host');
  await q.ok('cancel', 't');
  expect((await q.task('t')).cancelled_by).toBe('coordinator');
});
