import { readdirSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const HINT = 'docs-wroker: nobody works for it; did you mean docs-worker?\n';

const submitTo = (role: string) => ['submit', '--to', role, '--instructions', 'x'];

/** A queue that knows the role docs-worker: its only task is done and pruned. */
async function knowing(q: Shell): Promise<void> {
  await q.ok(...submitTo('docs-worker'), '--id', 'done');
  await q.ok('complete', 'done', '--from', 'docs-worker', '--summary', 's');
  q.advance(86_400 * 40);
  await q.ok('prune', '--older-than', '1d');
}

describe('a role that seems to be misspelt', () => {
  for (const flags of [[], ['--json']]) {
    test(`is named in one line by submit, claim, work and list: ${flags.join('') || 'text'}`, async ({ q }) => {
      await knowing(q);
      const work = ['work', '--as', 'docs-wroker', '--until-empty', ...flags, '--', '/bin/true'];
      expect(await q.run(...work)).toMatchObject({ code: 0, stderr: HINT });
      expect((await q.run('claim', '--as', 'docs-wroker', ...flags)).stderr.startsWith(HINT)).toBe(true);
      expect(await q.run('list', '--to', 'docs-wroker', ...flags)).toMatchObject({ code: 0, stderr: HINT });
      for (const verb of ['status', 'dlq'])
        expect(await q.run(verb, '--to', 'docs-wroker', ...flags)).toMatchObject({ code: 0, stderr: HINT });
      expect(await q.run(...submitTo('docs-wroker'), ...flags)).toMatchObject({ code: 0, stderr: HINT });
      expect(await q.run(...submitTo('docs-wroker'), ...flags)).toMatchObject({ code: 0, stderr: '' });
    });
  }

  test('is named once for all rows of a batch', async ({ q }) => {
    await knowing(q);
    const rows = ['docs-wroker', 'docs-worker', 'docs-wroker', 'docs-worker-7', 'docs-workr'];
    q.write('b.jsonl', rows.map((to) => JSON.stringify({ to, instructions: 'x' })).join('\n'));
    expect(await q.run('submit', '--batch', 'b.jsonl')).toMatchObject({
      code: 0,
      stderr: `${HINT}docs-worker-7: nobody works for it; did you mean docs-worker?\n${HINT.replace('wroker', 'workr')}`,
    });
  });

  test('is not made by a look for work', async ({ q }) => {
    await knowing(q);
    await q.run('work', '--as', 'docs-wroker', '--until-empty', '--', '/bin/true');
    await q.run('claim', '--as', 'docs-wroker');
    expect((await q.json('status')).roles).toEqual([]);
    expect(readdirSync(q.path('.agentq/bells'))).not.toContain('role-docs-wroker');
    expect(await q.run('list', '--to', 'docs-wroker')).toMatchObject({ stderr: HINT });
  });

  for (const [what, role] of [
    ['an unlike name', 'merger'],
    ['another number', 'shard-2'],
    ['a known name', 'docs-worker'],
    ['a name in the config', 'docs-walker'],
  ] as const) {
    test(`is not said of ${what}`, async ({ q }) => {
      q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { 'docs-walker': {} } }));
      await knowing(q);
      await q.ok(...submitTo('shard-1'));
      expect(await q.run('list', '--to', role)).toMatchObject({ stderr: 'no tasks\n' });
      expect(await q.run(...submitTo(role))).toMatchObject({ code: 0, stderr: '' });
    });
  }

  test('is not said of a role whose worker waits for tasks', async ({ q }) => {
    await knowing(q);
    const waiting = q.with({}).start('work', '--as', 'docs-walker', '--', '/bin/true');
    await waiting.listening;
    const roles = async () => (await q.json('status')).roles;
    await expect.poll(roles, { timeout: 60_000 }).toMatchObject([{ role: 'docs-walker' }]);
    expect(await q.run(...submitTo('docs-walker'))).toMatchObject({ code: 0, stderr: '' });
    waiting.signal();
    expect(await waiting.done).toMatchObject({ code: 0 });
  });
});

test('a look for tasks is seen if the config names the role', async ({ q }) => {
  q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { looker: {}, ender: {} } }));
  expect(await q.run('claim', '--as', 'looker')).toMatchObject({ code: 9 });
  expect(await q.run('claim', '--as', 'unnamed')).toMatchObject({ code: 9 });
  await q.ok('work', '--as', 'ender', '--until-empty', '--', '/bin/true');
  expect((await q.json('status')).roles).toMatchObject([{ role: 'ender' }, { role: 'looker' }]);
});

describe('roles_only', () => {
  test('refuses a role that the config does not name, with the nearest one', async ({ q }) => {
    q.write('.agentq/config.json', JSON.stringify({ version: 1, roles_only: true, roles: { 'docs-worker': {} } }));
    q.write('b.jsonl', '{"to":"docs-wroker","instructions":"x"}\n'.repeat(2));
    for (const line of [
      submitTo('docs-wroker'),
      ['claim', '--as', 'docs-wroker'],
      ['work', '--as', 'docs-wroker', '--until-empty', '--', '/bin/true'],
    ]) {
      expect(await q.refused(...line)).toMatchObject({
        exit: 2,
        message: 'docs-wroker is not a role of config.json, and roles_only allows no other',
        hint: 'did you mean docs-worker?',
      });
    }
    expect(await q.refused(...submitTo('merger'))).toMatchObject({ exit: 2, hint: 'add it to roles: docs/config.md' });
    expect(await q.run('submit', '--batch', 'b.jsonl')).toMatchObject({
      code: 14,
      stderr: expect.stringMatching(/^row 1 and 1 more: docs-wroker is not a role of config.json/),
    });
    expect((await q.json('status')).roles).toEqual([]);
    await q.ok(...submitTo('docs-worker'));
    await q.ok('claim', '--as', 'docs-worker');
  });
});
