import { expect, onTestFinished } from 'vitest';
import type { Output } from '../../src/cli/output/schemas.ts';
import { foregroundRabbitMq } from '../broker/foreground-rabbitmq.ts';
import { otherBroker } from '../broker/shared-broker.ts';
import { test } from './harness.ts';

/** Long enough for the broker to be killed, whatever the seed, and to be back before the end, in s. */
const SECONDS = 14;

/** For a broker that starts twice, and for what is left then, in ms. */
const BOUND = 150_000;

test.skipIf(otherBroker)(
  'processes and a broker that are killed at random moments lose nothing, do nothing twice and change nothing late',
  { timeout: BOUND },
  async ({ q }) => {
    const broker = await foregroundRabbitMq();
    // The program kills what it has started of the broker before it ends.
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
