import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import {
  claimed,
  complete,
  done,
  everything,
  fail,
  renew,
  submit,
  commitOne,
} from '../backend/contract/checked-requests.ts';
import { makeAmqpHarness } from '../backend/support/amqp-harness.ts';
import { PlainClient } from '../backend/support/plain-client.ts';
import { forged } from './support/forged.ts';

/** The number of forged entries between two valid changes. */
const EACH = 40;

test('forged entries of one role stop no reader and change no task of another role', { timeout: 120_000 }, async () => {
  const harness = await makeAmqpHarness({ roles: ['r', 's'] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  const options = harness.options();
  const [lead, worker] = [await harness.openWith(harness.options()), await harness.openWith(options)];
  let seed = 1;
  /** A forged delay queue is left out: the tests without a broker cover it. */
  const attack = async () => {
    for (const { key, body, exchange, headers, undated } of fc.sample(forged, { seed: seed++, numRuns: EACH })) {
      if (exchange !== undefined) continue;
      const timestamp = Math.floor(harness.clock.now() / 1_000);
      await client.publish(harness.names.exchange, key, body, {
        headers: { ...headers },
        ...(!undated && { timestamp }),
      });
    }
  };

  const role = 's';
  for (const id of ['s0', 's1', 's2']) {
    await done(lead, submit(id, { to: role }));
    await attack();
  }
  const first = await claimed(worker, { role, worker: 's-1' });
  await attack();
  await commitOne(worker, renew(first.id, 1, { by: role }));
  await done(worker, complete(first.id, 1, { by: role, summary: 'done' }));
  const second = await claimed(worker, { role, worker: 's-1' });
  await attack();
  await done(worker, fail(second.id, 1, { by: role }));
  await attack();

  const fresh = await harness.openWith(harness.options());
  await everything(lead);
  for (const backend of [lead, worker, fresh]) {
    const tasks = await backend.list({ role, limit: 100 });
    expect(tasks.map(({ id, status, refused }) => ({ id, status, refused }))).toEqual([
      { id: 's2', status: 'queued', refused: 0 },
      { id: 's1', status: 'failed', refused: 0 },
      { id: 's0', status: 'completed', refused: 0 },
    ]);
    expect(await everything(backend)).toEqual(await everything(lead));
    expect(await backend.audit(false)).toEqual([]);
  }
  expect((await lead.passedOver!()).length).toBeGreaterThan(0);
});
