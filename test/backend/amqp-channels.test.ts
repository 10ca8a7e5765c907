import { describe, expect, onTestFinished, test } from 'vitest';
import { parseBrokerUrl } from '../../src/backend/amqp/connection/broker-url.ts';
import type { BrokerConnection } from '../../src/backend/amqp/connection/broker-connection.ts';
import { ReconnectingClient } from '../../src/backend/amqp/connection/reconnecting-client.ts';
import { startProxy, type TcpProxy } from '../broker/tcp-proxy.ts';
import { ROLE } from './contract/checked-requests.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';

interface SetUp {
  readonly harness: AmqpHarness;
  readonly proxy: TcpProxy;
  readonly connection: BrokerConnection;
  /** The methods that the broker got. */
  readonly sent: string[];
}

async function setUp(): Promise<SetUp> {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const url = new URL(harness.url);
  const proxy = await startProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  url.port = String(proxy.port);
  const sent: string[] = [];
  proxy.onMethod = (direction, method) => void (direction === 'up' && sent.push(method));
  const client = new ReconnectingClient(parseBrokerUrl(url.href), {
    patience: 20_000,
    say() {},
    clock: Date.now,
    random: Math.random,
  });
  onTestFinished(() => client.close());
  return { harness, proxy, connection: await client.connection(Infinity), sent };
}

describe('a channel', () => {
  test('sends its requests without waiting for the answers', { timeout: 30_000 }, async () => {
    const { harness, proxy, connection, sent } = await setUp();
    proxy.freeze();
    const channel = await connection.channel();
    const limited = channel.prefetch(1);
    const consumed = channel.consume(harness.names.work(ROLE), () => {}, { consumerTag: 'one' });
    await connection.written();
    proxy.thaw();
    expect((await consumed).consumerTag).toBe('one');
    await limited;
    expect(sent.slice(-3)).toEqual(['channel.open', 'basic.qos', 'basic.consume']);
  });

  test('has no effect after a request that the broker refuses', async () => {
    const { harness, connection } = await setUp();
    const channel = await connection.channel();
    const queue = harness.names.work(ROLE);
    const missing = channel.checkQueue(`${queue}.missing`);
    const later = channel.checkQueue(queue);
    channel.sendToQueue(queue, Buffer.from('x'));
    await expect(missing).rejects.toMatchObject({ code: 404 });
    await expect(later).rejects.toThrow('Channel ended');
    expect(await (await connection.channel()).checkQueue(queue)).toMatchObject({ messageCount: 0 });
    expect(await (await PlainClient.of(harness)).count(queue)).toBe(0);
  });

  test('with confirms publishes nothing before the broker has answered', async () => {
    const { proxy, connection, sent } = await setUp();
    proxy.freeze();
    let opened = false;
    const opening = connection.confirmChannel().then(() => (opened = true));
    await connection.written();
    expect(opened).toBe(false);
    proxy.thaw();
    await opening;
    expect(sent.slice(-2)).toEqual(['channel.open', 'confirm.select']);
  });
});
