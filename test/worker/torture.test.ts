import { mkdirSync, readdirSync } from 'node:fs';
import { expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT, test } from './harness.ts';

test('workers that are killed while they prune lose no task', CONCURRENT, async ({ q }) => {
  mkdirSync(q.path('disk'));
  const run = ['--on', q.path('disk'), '--seconds', '4', '--workers', '2', '--seed', '2', '--prune', '500ms', '--json'];
  const ran = await q.agentq('torture', ...run);
  expect(ran).toMatchObject({ code: 0 });
  const report = JSON.parse(ran.stdout) as Output<'torture'>;
  expect(report).toMatchObject({ lost: 0, completed_twice: 0, stale_accepted: 0, findings: [] });
  expect(report.pruned).toBeGreaterThan(0);
  expect(report.tasks).toBeGreaterThan(report.pruned!);
});

test(
  'processes that are killed at random times lose no task, complete none twice and make no stale change',
  CONCURRENT,
  async ({ q }) => {
    mkdirSync(q.path('disk'));
    const run = ['--on', q.path('disk'), '--seconds', '3', '--workers', '2', '--seed', '1', '--json'];
    const ran = await q.agentq('torture', ...run);
    expect(ran).toMatchObject({ code: 0 });
    const report = JSON.parse(ran.stdout) as Output<'torture'>;
    const none = { lost: 0, completed_twice: 0, stale_accepted: 0, findings: [] };
    expect(report).toMatchObject({ seed: 1, seconds: 3, ...none });
    expect(report.kills).toBeGreaterThan(0);
    expect(report.tasks).toBeGreaterThan(0);
    expect(report.completed).toBeGreaterThan(0);
    expect(readdirSync(q.path('disk'))).toEqual([]);
  },
);
