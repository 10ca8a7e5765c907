import { expect, onTestFinished, test } from 'vitest';
import type { Publication } from '../../src/backend/amqp/wire/message/publication.ts';
import { makeAmqpHarness } from '../backend/support/amqp-harness.ts';
import { onClient } from '../backend/support/on-client.ts';
import { FrameSplitter } from '../broker/amqp-frames.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { startProxy } from '../broker/tcp-proxy.ts';

test('twenty publishes at once on a new connection open one channel with confirms', async () => {
  const harness = await makeAmqpHarness({ roles: ['r'] });
  const proxy = await startProxy(Number(new URL(amqpUrl()).port));
  onTestFinished(async () => {
    await proxy.close();
    await harness.close();
  });
  const frames = new FrameSplitter();
  const methods: (string | undefined)[] = [];
  proxy.onData = (direction, chunk) => {
    if (direction === 'up') methods.push(...frames.push(chunk).map(({ method }) => method));
    return 'pass';
  };
  const url = new URL(harness.url);
  url.port = `${proxy.port}`;
  const { tokens } = harness.names;
  const token = (n: number): Publication => ({
    exchange: tokens,
    key: 'agentq.work.r.normal',
    content: Buffer.from('{}'),
    options: { messageId: `${n}` },
  });
  await onClient(url.href, (link) =>
    link.withConnection((session) => Promise.all(Array.from({ length: 20 }, (_, n) => session.publish(token(n))))),
  );
  expect(methods.filter((method) => method === 'basic.publish')).toHaveLength(20);
  expect(methods.filter((method) => method === 'confirm.select')).toHaveLength(1);
});
