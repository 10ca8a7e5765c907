import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const BUDGETS = [
  { role: 'r', usd: 1, per: 'day' },
  { group: 'release', usd: 2 },
];

describe('policy', () => {
  test('is applied once, grows in version, and shows what counts towards each budget', async ({ q }) => {
    expect(await q.json('policy', 'show')).toEqual({ version: 0, budgets: [] });
    expect(await q.json('policy')).toEqual({ version: 0, budgets: [] });
    q.write('p.json', JSON.stringify({ budgets: BUDGETS }));
    expect(await q.json('policy', 'apply', 'p.json', '--by', 'lead')).toEqual({ version: 1, changed: true });
    expect(await q.json('policy', 'apply', 'p.json')).toEqual({ version: 1, changed: false });
    await q.submit('t', '--group', 'release');
    await q.ok('complete', 't', '--from', 'r', '--summary', 's', '--cost-usd', '0.25', '--tokens', '9');
    expect(await q.json('policy', 'show')).toEqual({
      version: 1,
      applied_by: 'lead',
      applied_at: '2027-03-01T12:00:00.000Z',
      document: { budgets: BUDGETS },
      budgets: BUDGETS.map((budget) => ({ ...budget, spent_usd: 0.25 })),
    });
    expect(await q.ok('policy', 'show')).toMatch(/role r +day +\$1 +\$0\.25\ngroup release +total +\$2 +\$0\.25/);
    expect(await q.json('status')).toMatchObject({
      roles: [{ role: 'r', cost: { usd: 0.25, tokens: 9 } }],
      groups: [{ group: 'release', cost: { usd: 0.25, tokens: 9 } }],
    });
    expect(await q.ok('status')).toContain('$0.25, 9 tokens');
    expect(await q.with({ stdin: '{}' }).json('policy', 'apply', '-')).toEqual({ version: 2, changed: true });
  });

  test.for<[string, string, string]>([
    ['an unknown field, and names the nearest', '{"budget":[]}', 'there is no setting budget; did you mean budgets?'],
    [
      'an unknown field of a budget',
      '{"budgets":[{"usd":1},{"rol":"r","usd":1}]}',
      'there is no setting budgets.1.rol; did you mean budgets.1.role?',
    ],
    ['a budget without an amount', '{"budgets":[{"role":"r"}]}', 'budgets.0.usd is missing'],
    ['a list', '[]', 'its content must be an object'],
  ])('refuses %s', async ([, document, problem], { q }) => {
    q.write('p.json', document);
    expect(await q.refused('policy', 'apply', 'p.json')).toMatchObject({
      code: 'usage',
      message: `p.json: ${problem}`,
    });
  });
});

describe('a used-up budget', () => {
  const REASON = 'the budget of role r for 2027-03-01 is used up: $1.50 of $1';

  test('stops the task whose report is too much, and says why the others wait', async ({ q }) => {
    q.write('p.json', JSON.stringify({ budgets: BUDGETS }));
    await q.ok('policy', 'apply', 'p.json');
    await q.submit('a');
    await q.submit('b');
    await q.claim();
    await q.ok('progress', 'a', '--attempt', '1', '--cost-usd', '1');
    expect(await q.refused('progress', 'a', '--attempt', '1', '--cost-usd', '1.5')).toMatchObject({
      exit: 5,
      message: `a was cancelled by budget: ${REASON}`,
    });
    expect(await q.task('a')).toMatchObject({ status: 'cancelled', cancelled_by: 'budget', reason: REASON });

    const { code, stderr } = await q.run('claim', '--as', 'r');
    expect([code, stderr]).toEqual([9, expect.stringContaining(`no task can begin for r: ${REASON}`)]);
    expect(await q.task('b')).toMatchObject({ status: 'queued', waits_for_budget: REASON });
    for (const command of [
      ['status', 'b'],
      ['show', 'b'],
    ])
      expect(await q.ok(...command)).toContain(`waits      ${REASON}`);
    await q.submit('c');
    const sees = async (...command: string[]) => {
      const { stdout, stderr } = await q.run(...command);
      return stdout + stderr;
    };
    const { cursor } = JSON.parse((await q.run('wait', '--any', '--from', 'me', '--json')).stdout);
    const waits = [['b'], ['b', 'c'], ['--any', 'b', 'c'], ['--any', '--from', 'me', '--since', cursor]];
    for (const wait of waits.map((words) => ['wait', ...words, '--timeout', '0s'])) {
      expect(await sees(...wait)).toContain(REASON);
      expect(await sees(...wait, '--compact')).toContain(REASON);
    }
    for (const command of ['status', 'status --stuck', 'status --to r', 'brief']) {
      expect(await sees(...command.split(' '))).toContain(REASON);
      expect(await sees(...command.split(' '), '--compact')).toContain(`"budgets_used_up":["${REASON}"]`);
    }
    expect(await q.ok('brief')).toContain('next:\n  agentq policy show\n');
    await q.ok('submit', '--to', 's', '--id', 'd', '--instructions', 'x');
    expect(await sees('status', '--to', 's')).not.toContain('budget');
    await q.ok('cancel', 'c', 'd');
    expect((await q.run('work', '--as', 'r', '--until-empty', '--', '/bin/sh', '-c', 'true')).stderr).toBe(
      `agentq: warning: no task can begin: ${REASON}\n`,
    );
    q.advance(12 * 3_600);
    expect(await q.claim()).toMatchObject({ task_id: 'b' });
  });
});
