import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('the cost of a task', () => {
  test('is reported by progress, release, fail and complete, and summed in status and show', async ({ q }) => {
    await q.submit('t', '--group', 'release', '--budget-usd', '5');
    expect(await q.claim()).toMatchObject({ group: 'release', budget_usd: 5 });
    await q.ok('progress', 't', '--attempt', '1', '--cost-usd', '0.05');
    await q.ok('progress', 't', '--attempt', '1', '--cost-usd', '0.1', '--tokens', '5300');
    expect((await q.task('t')).cost).toEqual({ usd: 0.1, tokens: 5300 });
    await q.ok('release', 't', '--attempt', '1');
    await q.claim();
    await q.ok('fail', 't', '--attempt', '2', '--retry', '--reason', 'no', '--cost-usd', '3.1e-05');
    q.advance(60);
    await q.claim();
    await q.ok('complete', 't', '--attempt', '3', '--summary', 'done', '--cost-usd', '0.2', '--tokens', '1');

    expect(await q.task('t')).toMatchObject({
      group: 'release',
      budget_usd: 5,
      cost: { usd: 0.300031, tokens: 5301 },
      attempts: [{ cost: { usd: 0.1, tokens: 5300 } }, { cost: { usd: 0.000031 } }, { cost: { usd: 0.2, tokens: 1 } }],
    });
    const text = await q.ok('show', 't');
    for (const part of ['release', '$5', '$0.10, 5300 tokens', '$0.000031', '$0.20, 1 token', '$0.300031, 5301 tokens'])
      expect(text).toContain(part);
  });

  test.for([
    ['--cost-usd', '-1', '--cost-usd is not a number: "-1"'],
    ['--cost-usd', 'Infinity', '--cost-usd is not a number: "Infinity"'],
    ['--cost-usd', '1e9', '--cost-usd is more than 1000000 dollars'],
    ['--tokens', '1.5', '--tokens must be a whole number'],
  ] as const)('%s %s is refused', async ([option, value, message], { q }) => {
    expect(await q.refused('progress', 't', `${option}=${value}`)).toMatchObject({ code: 'usage', message });
  });
});

describe('group and budget of a task', () => {
  test('after a redo the budget counts anew, and status says so', async ({ q }) => {
    await q.submit('t', '--budget-usd', '1');
    await q.ok('complete', 't', '--from', 'r', '--summary', 's', '--cost-usd', '1.50');
    await q.ok('redo', 't', '--reason', 'no');
    const { attempt } = await q.claim();
    await q.ok('progress', 't', '--attempt', String(attempt), '--cost-usd', '0.10');
    expect(await q.ok('status', 't')).toContain('budget     $1, $0.10 of it used since the last redo or retry');
    expect(await q.ok('show', 't')).not.toMatch(/Z  \(\$/);
  });

  test('are part of what a repeated submit must repeat', async ({ q }) => {
    await q.submit('t', '--group', 'a', '--budget-usd', '1');
    await q.submit('t', '--group', 'a', '--budget-usd', '1.0');
    const { message } = await q.refused('submit', '--to', 'r', '--id', 't', '--instructions', 'do t', '--group', 'b');
    expect(message).toBe('t exists with other content: group, budget_usd');
  });

  test('may be fields of a row', async ({ q }) => {
    q.write('rows', '{"to":"r","task_id":"t","instructions":"x","group":"g","budget_usd":0.5}\n');
    await q.ok('submit', '--batch', 'rows');
    expect(await q.task('t')).toMatchObject({ group: 'g', budget_usd: 0.5 });
  });

  test.for([
    ['--group', 'a/b', 'invalid-name'],
    ['--budget-usd', '0', 'usage'],
  ] as const)('%s %s is refused', async ([option, value, code], { q }) => {
    expect(await q.refused('submit', '--to', 'r', '--instructions', 'x', option, value)).toMatchObject({ code });
  });
});
