import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import type { Output } from '../../src/cli/schemas.ts';
import { PATIENTLY, test } from './harness.ts';

test(
  'processes that are killed at random moments lose nothing, do nothing twice and change nothing late',
  PATIENTLY,
  async ({ q }) => {
    const dir = q.path('torture');
    const ran = await q.agentq('torture', '--dir', dir, '--seconds', '3', '--workers', '2', '--seed', '1', '--json');
    expect(ran).toMatchObject({ code: 0 });
    const report = JSON.parse(ran.stdout) as Output<'torture'>;
    expect(report).toMatchObject({ seed: 1, seconds: 3, lost: 0, completed_twice: 0, stale_accepted: 0 });
    expect(report.kills).toBeGreaterThan(0);
    expect(report.tasks).toBeGreaterThan(0);
    expect(report.completed).toBeGreaterThan(0);
    expect(existsSync(q.path('torture/workspace'))).toBe(false);
  },
);
