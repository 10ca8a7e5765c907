import { expect, onTestFinished, test } from 'vitest';
import { BrokerClock } from '../../src/backend/amqp/log/broker-clock.ts';
import type { Log } from '../../src/backend/amqp/log/log.ts';
import { newEntryId } from '../../src/backend/amqp/wire/entry-id.ts';
import { onClient } from './support/on-client.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';

/** Runs the body with the clock of the broker on a machine whose own clock is wrong by a number of seconds. */
async function withWrongClock(use: (brokerClock: BrokerClock, set: (skew: number) => void) => Promise<void>) {
  const { url, names, close } = await makeAmqpHarness();
  onTestFinished(close);
  let skew = 0;
  const clock = () => Date.now() + skew * 1_000;
  // This log never gets the entries that another process has read.
  const log = { newId: () => newEntryId(clock(), Math.random), catchUp: async () => {} } as Log;
  await onClient(url, (client) => use(new BrokerClock({ client, names, log, clock }), (to) => (skew = to)));
}

test('the age of an entry depends neither on the clock of the machine nor on the process that reads the log', async () => {
  await withWrongClock(async (brokerClock, set) => {
    for (const skew of [0, 600, -600]) {
      set(skew);
      // No entry is an hour old.
      expect(await brokerClock.agedBefore(3_600)).toBe(0);
    }
  });
}, 30_000);

test('the measured error of a clock changes when the clock is corrected, also if only in part', async () => {
  await withWrongClock(async (brokerClock, set) => {
    for (const skew of [600, 100, 8, 200, 0]) {
      set(skew);
      await brokerClock.agedBefore(1);
      expect(brokerClock.ahead).toBeGreaterThanOrEqual(skew - 1);
      expect(brokerClock.ahead).toBeLessThanOrEqual(skew + 1);
    }
  });
}, 60_000);
