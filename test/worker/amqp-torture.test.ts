import { expect, onTestFinished } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { foregroundRabbitMq } from '../broker/foreground-rabbitmq.ts';
import { otherBroker } from '../broker/shared-broker.ts';
import { test } from './harness.ts';

/** Long enough, in s, for the broker to be killed with any seed and to be available again before the end. */
const SECONDS = 14;

/** Time limit in ms, with two starts of a broker. */
const TIME_LIMIT = 150_000;

test.skipIf(otherBroker)(
  'processes and a broker that are killed at random times lose no task, complete none twice and make no stale change',
  { timeout: TIME_LIMIT },
  async ({ q }) => {
    const broker = await foregroundRabbitMq();
    // The program stops the broker before it ends.
    onTestFinished(() => broker.remove());
    const url = ['--url', broker.url, '--broker', broker.command];
    const run = ['--seconds', `${SECONDS}`, '--workers', '2', '--seed', '1', '--json'];
    const ran = await q.agentq('torture', ...url, ...run);
    expect(ran).toMatchObject({ code: 0 });
    const report = JSON.parse(ran.stdout) as Output<'torture'>;
    expect(report).toMatchObject({ seed: 1, lost: 0, completed_twice: 0, stale_accepted: 0, findings: [] });
    expect(report.kills).toBeGreaterThan(0);
    expect(report.tasks).toBeGreaterThan(0);
    expect(report.completed).toBeGreaterThan(0);
  },
);
