import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AgentqError } from '../../src/core/errors.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { startProxy, type TcpProxy } from '../broker/tcp-proxy.ts';
import {
  claimed,
  done,
  MINUTE,
  nothingToClaim,
  QUEUE,
  renew,
  ROLE,
  SECOND,
  submit,
  commitOne,
} from './contract/checked-requests.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';
import { BrokerSite } from './support/broker-site.ts';

/** A queue, and a proxy that can cut the connection to it. */
async function setUp(): Promise<{ site: BrokerSite; proxy: TcpProxy; at: string }> {
  const site = await BrokerSite.make(amqpUrl());
  const url = new URL(site.url);
  const proxy = await startProxy(Number(url.port));
  url.port = `${proxy.port}`;
  onTestFinished(async () => {
    await proxy.heal();
    await site.close();
    await proxy.close();
  });
  return { site, proxy, at: url.href };
}

/** A connection that holds the task `a` for three seconds, and was then cut. */
async function cutOff() {
  const { site, proxy, at } = await setUp();
  const here = await site.open({ at });
  await done(here, submit('a'));
  const { lease } = await claimed(here, { lease: 3 * SECOND });
  await proxy.cut();
  return { site, proxy, here, lease };
}

/** Waits until this time has passed, by the real clock: the broker uses it too. */
const past = (at: number) => pause(Math.max(0, at + SECOND / 2 - Date.now()));

describe('a lease that ended during an outage of the broker', () => {
  test('continues, also if the first connection after the outage is lost before it reports the outage', async () => {
    const { proxy, here, lease } = await cutOff();
    await past(lease.expires_at);
    const again = proxy.cutAt({ direction: 'up', method: 'confirm.select', deliver: true }).then(() => proxy.heal());
    await proxy.heal();
    const task = await here.task('a');
    await again;
    expect(task).toMatchObject({ status: 'working' });
  });

  test('continues, also if another process reads the task before the worker is connected again', async () => {
    const { site, proxy, here, lease } = await cutOff();
    await past(lease.expires_at);
    const renewing = commitOne(here, renew('a', 1, { lease: MINUTE }));
    // Another connection writes to the log after the lease, and reads nothing.
    await done(await site.open(), submit('b'));
    const fresh = await site.open();
    const reading = fresh.counts();
    await proxy.heal();
    await reading;
    expect(await renewing).toMatchObject({ changed: true });
    expect(await fresh.task('a')).toMatchObject({ status: 'working' });
  });

  test('continues, also if a renewal during the outage asked for less time than the outage adds', async () => {
    const { proxy, here, lease } = await cutOff();
    const renewing = commitOne(here, renew('a', 1, { lease: 3 * SECOND }));
    await past(lease.expires_at + SECOND);
    await proxy.heal();
    expect(await renewing).toMatchObject({ changed: true });
    expect(await here.task('a')).toMatchObject({ status: 'working' });
  });

  test('continues, also if another process first submits a task that was issued during the lease', async () => {
    const { site, proxy, here, lease } = await cutOff();
    await past(lease.expires_at);
    const renewing = commitOne(here, renew('a', 1, { lease: MINUTE }));
    const fresh = await site.open();
    await commitOne(fresh, { ...submit('b'), at: lease.expires_at - SECOND });
    const reading = fresh.counts();
    await proxy.heal();
    await reading;
    expect(await renewing).toMatchObject({ changed: true });
  });

  test('continues, also if another worker gets its token before the worker is connected again', async () => {
    const { site, proxy, at } = await setUp();
    const client = await PlainClient.of(site);
    const [here, fresh] = [await site.open({ at }), await site.open()];
    await done(here, submit('a'));
    const [token] = await client.peek(site.queue);
    const { lease } = await claimed(here, { lease: 3 * SECOND });
    await proxy.cut();
    await past(lease.expires_at);
    // A broker that is killed may forget that a token was acknowledged.
    await client.put(site.queue, token!.content, token!.properties);
    const renewing = commitOne(here, renew('a', 1, { lease: MINUTE }));
    const claiming = nothingToClaim(fresh);
    await proxy.heal();
    await claiming;
    expect(await renewing).toMatchObject({ changed: true });
  });

  test('ends if no process reports an outage', async () => {
    const { site } = await setUp();
    const here = await site.open();
    await done(here, submit('a'));
    const { lease } = await claimed(here, { lease: SECOND });
    await past(lease.expires_at + 2 * SECOND);
    expect(await (await site.open()).task('a')).toMatchObject({ status: 'queued' });
  });
});

test('an entry that names evidence outside of the store is skipped, and all requests still work', async () => {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const refOf = (path: string) => {
    if (path.startsWith('..')) throw new AgentqError('corrupt', 'outside of the store');
    return path;
  };
  const backend = await harness.openWith(harness.options({ refOf }));
  await done(backend, submit('a'), submit('b'));
  await claimed(backend);
  const at = harness.clock.now();
  const result = { name: 'result', path: '../../x', sha256: 'ab'.repeat(32), size: 1 };
  const event = { v: 1, type: 'completed', task_id: 'a', at, attempt: 1, by: ROLE, artifacts: [], result };
  const body = { v: 1, at, roles: [ROLE], events: [event] };
  const client = await PlainClient.of(harness);
  const key = `agentq.event.completed.${ROLE}`;
  await client.publish(harness.names.exchange, key, body, { messageId: 'evil' });
  harness.clock.advance(10 * SECOND);
  expect((await claimed(backend)).id).toBe('b');
  await nothingToClaim(backend);
  expect(await backend.inbox(QUEUE, 10)).toEqual([]);
  expect(await backend.task('a')).toMatchObject({ status: 'working' });
});
