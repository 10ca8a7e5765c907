import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AgentqError } from '../../src/core/errors.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { startProxy, type TcpProxy } from '../broker/tcp-proxy.ts';
import { claimed, done, MINUTE, nothingToClaim, QUEUE, renew, ROLE, SECOND, submit, tell } from './contract/say.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';
import { BrokerHand } from './support/broker-hand.ts';
import { BrokerSite } from './support/broker-site.ts';

/** A queue, and a way to it that can be cut. */
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

/** Somebody who holds `a` for three seconds, and was cut off. */
async function cutOff() {
  const { site, proxy, at } = await setUp();
  const here = await site.open({ at });
  await done(here, submit('a'));
  const { lease } = await claimed(here, { lease: 3 * SECOND });
  await proxy.cut();
  return { site, proxy, here, lease };
}

/** By the real clock: it is the broker's as well. */
const past = (moment: number) => pause(Math.max(0, moment + SECOND / 2 - Date.now()));

describe('a lease that seems to be over because nobody could reach the broker', () => {
  test('goes on, also where the first connection after it is lost before it could tell', async () => {
    const { proxy, here, lease } = await cutOff();
    await past(lease.expires_at);
    const again = proxy.cutAt({ direction: 'up', method: 'confirm.select', deliver: true }).then(() => proxy.heal());
    await proxy.heal();
    const task = await here.task('a');
    await again;
    expect(task).toMatchObject({ status: 'working' });
  });

  test('goes on, also where somebody else looks before its worker is back', async () => {
    const { site, proxy, here, lease } = await cutOff();
    await past(lease.expires_at);
    // As workers do, again and again.
    const renewing = tell(here, renew('a', 1, { lease: MINUTE }));
    // Somebody is heard again before, and does not look.
    await done(await site.open(), submit('b'));
    const fresh = await site.open();
    const looking = fresh.counts();
    await proxy.heal();
    await looking;
    expect(await renewing).toMatchObject({ changed: true });
    expect(await fresh.task('a')).toMatchObject({ status: 'working' });
  });

  test('goes on, also where it was to be renewed meanwhile, for less than the absence then gave it', async () => {
    const { proxy, here, lease } = await cutOff();
    const renewing = tell(here, renew('a', 1, { lease: 3 * SECOND }));
    await past(lease.expires_at + SECOND);
    await proxy.heal();
    expect(await renewing).toMatchObject({ changed: true });
    expect(await here.task('a')).toMatchObject({ status: 'working' });
  });

  test('goes on, also where somebody else first says what was said meanwhile', async () => {
    const { site, proxy, here, lease } = await cutOff();
    await past(lease.expires_at);
    const renewing = tell(here, renew('a', 1, { lease: MINUTE }));
    const fresh = await site.open();
    await tell(fresh, { ...submit('b'), at: lease.expires_at - SECOND });
    const looking = fresh.counts();
    await proxy.heal();
    await looking;
    expect(await renewing).toMatchObject({ changed: true });
  });

  test('goes on, also where somebody else finds its token before its worker is back', async () => {
    const { site, proxy, at } = await setUp();
    const hand = await BrokerHand.of(site);
    const [here, fresh] = [await site.open({ at }), await site.open()];
    await done(here, submit('a'));
    const [token] = await hand.look(site.queue);
    const { lease } = await claimed(here, { lease: 3 * SECOND });
    await proxy.cut();
    await past(lease.expires_at);
    // A broker that dies may forget that a token was taken out.
    await hand.put(site.queue, token!.content, token!.properties);
    const renewing = tell(here, renew('a', 1, { lease: MINUTE }));
    const looking = nothingToClaim(fresh);
    await proxy.heal();
    await looking;
    expect(await renewing).toMatchObject({ changed: true });
  });

  test('is over where nobody comes back to tell', async () => {
    const { site } = await setUp();
    const here = await site.open();
    await done(here, submit('a'));
    const { lease } = await claimed(here, { lease: SECOND });
    await past(lease.expires_at + 2 * SECOND);
    expect(await (await site.open()).task('a')).toMatchObject({ status: 'queued' });
  });
});

test('evidence that is said to lie outside of the store is passed over, and stops nobody', async () => {
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
  const hand = await BrokerHand.of(harness);
  const key = `agentq.event.completed.${ROLE}`;
  await hand.publish(harness.names.exchange, key, body, { messageId: 'evil' });
  harness.clock.advance(10 * SECOND);
  expect((await claimed(backend)).id).toBe('b');
  await nothingToClaim(backend);
  expect(await backend.inbox(QUEUE, 10)).toEqual([]);
  expect(await backend.task('a')).toMatchObject({ status: 'working' });
});
