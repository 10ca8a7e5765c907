import { chmodSync, existsSync, mkdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

interface Finding {
  subject: string;
  problem: string;
  severity: string;
  repaired: boolean;
}

async function findings(q: Shell, ...more: string[]): Promise<Finding[]> {
  return (await q.run('doctor', '--json', ...more)).json().findings;
}

async function problems(q: Shell, ...more: string[]): Promise<Finding[]> {
  return (await findings(q, ...more)).filter(({ severity }) => severity === 'problem');
}

/** Changes the database without the program. */
function tamper(q: Shell, sql: string): void {
  const db = new DatabaseSync(q.path('.agentq/agentq.db'));
  db.exec(sql);
  db.close();
}

async function completed(q: Shell): Promise<void> {
  q.write('context.md', 'background');
  await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
  q.write('out.md', 'result');
  await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md', '--artifact', 'patch=out.md');
}

describe('doctor', () => {
  test.for(['5', '-1', 'x', ''])('refuses --skip %j for a queue in a file', async (offset, { q }) => {
    expect(await q.run('doctor', `--skip=${offset}`)).toMatchObject({ code: 2 });
  });

  test('finds no problem in a new workspace', async ({ q }) => {
    expect(await q.run('doctor')).toMatchObject({ code: 0, stdout: 'healthy\n', stderr: '' });
    expect(await q.json('doctor')).toEqual({ healthy: true, findings: [] });
  });

  test('suggests --repair only if it can repair something', async ({ q }) => {
    await completed(q);
    rmSync(q.path('.agentq/results/t.md'));
    const hint = async (...more: string[]) => (await q.refused('doctor', ...more)).hint;
    expect(await hint()).toBe('these need a person');
    tamper(q, "UPDATE tasks SET status = 'queued'");
    expect(await hint()).toBe('agentq doctor --repair');
    expect(await hint('--repair')).toBe('these need a person');
  });

  test('finds no problem after tasks with every kind of end', async ({ q }) => {
    await completed(q);
    for (const id of ['a', 'b', 'c']) await q.submit(id);
    await q.claim();
    q.advance(300);
    await q.claim();
    await q.run('complete', 'a', '--attempt', '1', '--summary', 'late');
    await q.ok('fail', 'a', '--attempt', '2', '--reason', 'flaky', '--retry');
    await q.ok('cancel', 'b');
    await q.ok('fail', 'c', '--from', 'r', '--reason', 'no');
    await q.ok('dlq', 'purge', 'c');
    expect(await q.json('doctor')).toEqual({ healthy: true, findings: [] });
  });

  const todo = 'put the recorded file back, or have the work done again:';
  const redo = 'agentq redo t --reason TEXT';
  for (const [path, name, way] of [
    ['.agentq/tasks/t.md', 'context (tasks/t.md)', 'submit the task again'],
    ['.agentq/results/t.md', 'result (results/t.md)', redo],
    ['.agentq/artifacts/t/1/patch.md', 'patch (artifacts/t/1/patch.md)', redo],
  ] as const) {
    test(`names the drift of ${path}, which it cannot repair`, async ({ q }) => {
      await completed(q);
      q.write(path, 'forged');
      const ran = await q.run('doctor');
      expect(ran.code).toBe(24);
      expect(ran.stdout).toBe(`problem   t: ${name} was changed since it was recorded: ${todo} ${way}\n`);
      expect(ran.stderr).toMatch(/^agentq: problems found: 1 \(.*\)\n$/);
      rmSync(q.path(path));
      const repaired = await q.run('doctor', '--repair', '--json');
      expect(repaired.code).toBe(24);
      expect(repaired.json()).toEqual({
        healthy: false,
        findings: [
          { subject: 't', problem: `${name} is missing: ${todo} ${way}`, severity: 'problem', repaired: false },
        ],
      });
    });
  }

  for (const [status, ...end] of [
    ['cancelled', 'cancel', 't'],
    ['failed', 'fail', 't', '--from', 'r', '--reason', 'no'],
  ] as const) {
    test(`missing evidence of a ${status} task is only advice, and a changed file is a problem`, async ({ q }) => {
      for (const id of ['t', 'u'])
        await q.with({ stdin: 'context' }).ok('submit', '--to', 'r', '--id', id, '--file', '-');
      await q.ok(...end);
      await q.ok('cancel', 'u');
      q.write('.agentq/tasks/t.md', 'forged');
      expect((await q.run('doctor')).code).toBe(24);
      for (const id of ['t', 'u']) rmSync(q.path(`.agentq/tasks/${id}.md`));
      expect(await q.json('doctor')).toMatchObject({
        healthy: true,
        findings: [
          { subject: 'u', severity: 'advice' },
          { subject: 't', problem: expect.stringContaining('needs it only for a retry'), severity: 'advice' },
        ],
      });
    });
  }

  test('names a row that differs from its events, and repairs it', async ({ q }) => {
    await q.submit('t');
    tamper(q, "UPDATE tasks SET status = 'completed', ready_at = NULL WHERE id = 't'");
    expect((await q.run('claim', '--as', 'r')).code).toBe(9);
    expect(await findings(q)).toMatchObject([{ subject: 't', severity: 'problem', repaired: false }]);
    expect((await q.run('doctor')).code).toBe(24);
    const repaired = await q.run('doctor', '--repair');
    expect(repaired.code).toBe(0);
    expect(repaired.stdout).toBe('repaired  t: its row differs from its events\nhealthy\n');
    expect((await q.claim()).task_id).toBe('t');
  });

  test('names a row whose state was changed', async ({ q }) => {
    await q.submit('t');
    tamper(q, `UPDATE tasks SET state = json_set(state, '$.envelope.to', 's') WHERE id = 't'`);
    expect(await problems(q)).toMatchObject([{ subject: 't' }]);
    await q.ok('doctor', '--repair');
    expect((await q.task('t')).to).toBe('r');
  });

  test('names an unreadable event, and does not change the log', async ({ q }) => {
    await q.submit('t');
    tamper(q, "UPDATE events SET body = 'invalid'");
    expect(await problems(q, '--repair')).toMatchObject([
      { subject: 't', problem: expect.stringContaining('unreadable'), repaired: false },
    ]);
    expect((await q.run('doctor')).code).toBe(24);
  });

  test('names events of a missing task', async ({ q }) => {
    await q.submit('t');
    tamper(q, "DELETE FROM tasks WHERE id = 't'");
    expect(await findings(q)).toMatchObject([{ subject: 't', problem: 'its row is missing' }]);
  });

  test('names a result that no completion names, as advice', async ({ q }) => {
    await completed(q);
    q.write('.agentq/results/t~7.md', 'unknown');
    const ran = await q.run('doctor');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toBe('advice    results/t~7.md: no completion names this result\nhealthy\n');
  });

  test('reports nothing about a result that a worker is still writing', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.write('.agentq/results/t.md', 'half of it');
    expect(await findings(q)).toEqual([]);
  });

  test('names caches that have not changed for 30 days, as advice', async ({ q }) => {
    const at = (name: string, days: number) => {
      q.write(`.agentq/${name}`, '');
      const seconds = q.clock.now / 1_000 - days * 86_400;
      utimesSync(q.path('.agentq', name), seconds, seconds);
    };
    at('cache-old.db', 31);
    at('cache-new.db', 29);
    at('cache-used.db', 31);
    at('cache-used.db-wal', 1);
    const found = await findings(q);
    expect(found).toMatchObject([{ subject: 'cache-old.db', severity: 'advice', repaired: false }]);
    expect(await q.run('doctor')).toMatchObject({ code: 0 });
  });

  test('names a role without a worker, as advice', async ({ q }) => {
    await q.submit('t');
    expect(await findings(q)).toEqual([]);
    q.advance(900);
    const found = await findings(q);
    expect(found).toMatchObject([{ subject: 'r', severity: 'advice' }]);
    expect(found[0]!.problem).toContain('agentq work --as r');
    expect((await q.run('doctor')).code).toBe(0);
  });

  test('names the scratch folder of an ended attempt, and removes it', async ({ q }) => {
    mkdirSync(q.path('.agentq/run/gone~1'));
    utimesSync(q.path('.agentq/run/gone~1'), 0, 0);
    expect(await findings(q)).toMatchObject([{ subject: 'run/gone~1', severity: 'problem', repaired: false }]);
    expect(existsSync(q.path('.agentq/run/gone~1'))).toBe(true);
    await q.ok('doctor', '--repair');
    expect(existsSync(q.path('.agentq/run/gone~1'))).toBe(false);
  });

  test('keeps the scratch folder of an open task', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    mkdirSync(q.path('.agentq/run/t~1'));
    await q.ok('doctor', '--repair');
    expect(existsSync(q.path('.agentq/run/t~1'))).toBe(true);
  });

  test('names permissions that are too wide, and removes them', async ({ q }) => {
    chmodSync(q.path('.agentq/agentq.db'), 0o644);
    expect(await problems(q)).toContainEqual({
      subject: q.path('.agentq/agentq.db'),
      problem: expect.stringContaining('mode 644'),
      severity: 'problem',
      repaired: false,
    });
    await q.ok('doctor', '--repair');
    expect(statSync(q.path('.agentq/agentq.db')).mode & 0o777).toBe(0o600);
  });

  test('accepts a workspace without a scratch folder', async ({ q }) => {
    rmSync(q.path('.agentq/run'), { recursive: true });
    const { code, stderr } = await q.run('doctor');
    expect(stderr).not.toContain('internal error');
    expect([0, 24]).toContain(code);
  });

  test('checks more than one page of tasks', async ({ q }) => {
    q.write('context.md', 'background');
    const rows = Array.from({ length: 600 }, (_, i) =>
      JSON.stringify({ task_id: `t${i}`, to: 'r', instructions: 'x' }),
    );
    const first = JSON.stringify({ task_id: 'first', to: 'r', file: 'context.md' });
    await q.with({ stdin: [first, ...rows].join('\n') }).ok('submit', '--batch', '-');
    q.write('.agentq/tasks/first.md', 'forged');
    expect(await problems(q)).toMatchObject([{ subject: 'first' }]);
  });
});
