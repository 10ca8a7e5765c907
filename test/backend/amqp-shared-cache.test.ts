import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend, Watch } from '../../src/backend/backend.ts';
import { startProxy } from '../broker/tcp-proxy.ts';
import { claimed, done, ROLE, submit } from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';

const POLLING = { timeout: 45_000, interval: 50 };

/** Two processes of one machine, which share a cache, and one of another machine. */
async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const url = new URL(harness.url);
  const proxy = await startProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  const count = { delivered: 0, outages: 0 };
  proxy.onMethod = (direction, method) => {
    if (direction === 'down' && method === 'basic.deliver') count.delivered++;
  };
  url.port = String(proxy.port);
  proxy.onData = (direction, chunk) => {
    if (direction === 'up') count.outages += chunk.toString('latin1').split('"away":').length - 1;
    return 'pass';
  };
  const options = harness.options({}, url.href);
  const [one, two] = [await harness.openWith(options), await harness.openWith(options)];
  const other = await harness.openWith(harness.options());
  let submitted = 0;
  const submits = async (tasks: number): Promise<string> => {
    for (let left = tasks; left > 0; left--) await done(other, submit(`t${++submitted}`));
    return `t${submitted}`;
  };
  return { one, two, count, submits, dir: options.dir, proxy, clock: harness.clock };
}

async function knows(backend: Backend, id: string): Promise<void> {
  await expect.poll(async () => (await backend.lastKnown(id))?.id, POLLING).toBe(id);
}

/** Records another process as the elected reader of the log. That process reads nothing. */
function electAnother(dir: string): void {
  const file = readdirSync(dir).find((name) => name.endsWith('.db'))!;
  using db = new DatabaseSync(join(dir, file));
  db.exec(`INSERT OR REPLACE INTO reader VALUES (1, '${hostname()} ${process.pid} another')`);
}

/**
 * Elects another process. Resolves when the process no longer reads the log itself: a new entry does not wake its watch.
 * Until then the process may find the other one too slow and be elected again, so the election is repeated.
 */
async function untilNotReading(watch: Watch, submits: (tasks: number) => Promise<string>, dir: string): Promise<void> {
  await expect
    .poll(async () => {
      electAnother(dir);
      await submits(1);
      return await watch.wait(1_000);
    }, POLLING)
    .toBe(false);
}

describe('processes that share a cache', () => {
  test('read each entry of the log once', async () => {
    const { one, two, count, submits } = await setUp();
    using first = one.watch({ role: ROLE });
    using second = two.watch({ role: ROLE });
    const tasks = 3;
    await expect
      .poll(async () => {
        const before = count.delivered;
        const last = await submits(tasks);
        await Promise.all([knows(one, last), knows(two, last)]);
        return count.delivered - before;
      }, POLLING)
      .toBe(tasks);
    await Promise.all([first.wait(0), second.wait(0)]);
    await submits(1);
    expect(await Promise.all([first.wait(POLLING.timeout), second.wait(POLLING.timeout)])).toEqual([true, true]);
    expect((await claimed(one)).id).not.toBe((await claimed(two)).id);
  });

  for (const nth of [0, 1]) {
    test(`still read the log when one of them ends: number ${nth + 1}`, async () => {
      const { one, two, submits } = await setUp();
      using first = one.watch({ role: ROLE });
      using second = two.watch({ role: ROLE });
      const last = await submits(1);
      await Promise.all([knows(one, last), knows(two, last)]);
      const [ends, stays] = nth === 0 ? [first, second] : [second, first];
      ends[Symbol.dispose]();
      await (nth === 0 ? one : two).close();
      await stays.wait(1_000);
      await submits(1);
      expect(await stays.wait(POLLING.timeout)).toBe(true);
    });
  }

  test('still read the log when the elected reader stands still', async () => {
    const { one, submits, dir } = await setUp();
    using watch = one.watch({ role: ROLE });
    await knows(one, await submits(1));
    await untilNotReading(watch, submits, dir);
    expect(await one.task(await submits(1))).toMatchObject({ status: 'queued' });
    expect((await claimed(one)).status).toBe('working');
  });

  test('record an outage once, also when one of them reads the log again on the same connection', async () => {
    const { one, submits, dir, proxy, clock, count } = await setUp();
    using watch = one.watch({ role: ROLE });
    await knows(one, await submits(1));
    await claimed(one);
    await proxy.cut();
    await expect.poll(() => one.away, POLLING).toBe(true);
    clock.advance(60_000);
    await proxy.heal();
    await knows(one, await submits(1));
    await expect.poll(() => count.outages, POLLING).toBe(1);
    await untilNotReading(watch, submits, dir);
    // The first answer may come from the cache while the new reader starts; the second waits for that reader.
    await one.task(await submits(1));
    await one.task(await submits(1));
    expect(count.outages).toBe(1);
  });

  test('wake all waiting processes when another of them begins to read', async () => {
    const { one, submits, dir } = await setUp();
    using watch = one.watch({ role: ROLE });
    await knows(one, await submits(1));
    await untilNotReading(watch, submits, dir);
    const bell = join(dir, 'bells', 'role-elsewhere');
    writeFileSync(bell, '');
    await one.task(await submits(1));
    await expect.poll(() => statSync(bell).size, POLLING).toBe(1);
  });

  test('read the log again after each new connection', async () => {
    const { one, submits, proxy } = await setUp();
    using watch = one.watch({ role: ROLE });
    // The last entry of the log wakes no caller when it is read again.
    await one.task(await submits(1));
    await proxy.cut();
    await expect.poll(() => one.away, POLLING).toBe(true);
    await watch.wait(0);
    await proxy.heal();
    expect(await watch.wait(POLLING.timeout)).toBe(true);
  });
});
