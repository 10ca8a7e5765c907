import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, onTestFinished } from 'vitest';
import { queuesExist, remove } from '../../src/backend/amqp/topology/declare.ts';
import { topologyOf } from '../../src/backend/amqp/topology/topology.ts';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { onClient } from '../backend/support/on-client.ts';
import { freePort } from '../broker/free-port.ts';
import { startRabbitMq } from '../broker/private-rabbitmq.ts';
import { amqpUrl, brokerProduct } from '../broker/shared-broker.ts';
import { startProxy } from '../broker/tcp-proxy.ts';
import { bareTest as test } from './fixture.ts';
import { WITH_RESTARTS, withPorts } from './private.ts';
import { type Machine, ROLES, type Site, SLOW } from './site.ts';

const INIT = ['init', '--workers', ROLES.join()];

const sharedPort = () => Number(new URL(amqpUrl()).port);

/** Two addresses of the broker that all tests share. Both have the same queues, like two nodes of a cluster. */
async function twoHosts(site: Site): Promise<string> {
  const proxy = await startProxy(sharedPort());
  onTestFinished(() => proxy.close());
  return withPorts(site.url, [sharedPort(), proxy.port]);
}

function removeQuorumQueues({ url, names }: Site): void {
  const retention = { days: 1, bytes: 1e9 };
  const topology = topologyOf({ names, roles: ROLES, replyTos: [], replicated: true, retention });
  onTestFinished(() => onClient(url, (client) => remove(client, topology)));
}

const haveHigh = ({ url, names }: Site) =>
  onClient(url, (client) => queuesExist(client, [`${names.work('r')}.high`, `${names.work('r')}.low`]));

const configOf = (machine: Machine): unknown =>
  JSON.parse(readFileSync(machine.path('.agentq', 'config.json'), 'utf8'));

describe('init with several hosts', { timeout: SLOW }, () => {
  test('declares quorum queues, reports it, and records it in the config', async ({ site, skip }) => {
    skip((await brokerProduct()).name !== 'RabbitMQ', 'LavinMQ replicates every queue of a cluster');
    removeQuorumQueues(site);
    const lead = site.bare('lead').with({ AGENTQ_URL: await twoHosts(site) });
    const ran = await lead.run(...INIT);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout.split('\n')[2]).toBe(
      'quorum queues: the URL names several hosts (--no-replicated: classic queues)',
    );
    expect(configOf(lead)).toMatchObject({ broker: { replicated: true } });
    expect(await haveHigh(site)).toBe(true);
    expect(await lead.ok(...INIT)).toContain('everything was there already');
    // A machine that names one host takes the type of the existing queues.
    const other = site.bare('other');
    expect(await other.json<Output<'init'>>(...INIT)).toMatchObject({
      broker: { declared: [], queues: { type: 'quorum', because: 'they exist already' } },
    });
    await lead.submit('a', '--priority', 'high');
    expect(await other.claim()).toMatchObject({ task_id: 'a' });
  });

  test('declares classic queues with --no-replicated, and keeps them later', async ({ site }) => {
    const AGENTQ_URL = await twoHosts(site);
    const lead = site.bare('lead').with({ AGENTQ_URL });
    const { broker } = await lead.json<Output<'init'>>(...INIT, '--no-replicated');
    expect(broker!.queues).toEqual({ type: 'classic' });
    expect(await haveHigh(site)).toBe(false);
    const other = site.bare('other').with({ AGENTQ_URL });
    expect((await other.json<Output<'init'>>(...INIT)).broker).toMatchObject({
      declared: [],
      queues: { type: 'classic', because: 'they exist already' },
    });
    expect(configOf(other)).not.toHaveProperty('broker');
    expect(await other.refused(...INIT, '--replicated')).toMatchObject({ exit: 2 });
  });

  test('names a host that does not answer, and continues', async ({ site }) => {
    const dead = await freePort();
    const lead = site.bare('lead').with({ AGENTQ_URL: withPorts(site.url, [sharedPort(), dead]) });
    const { code, stderr } = await lead.run(...INIT, '--no-replicated');
    expect(code).toBe(0);
    expect(stderr).toMatch(
      new RegExp(`^agentq: the broker at 127\\.0\\.0\\.1:${dead} cannot be reached: .*ECONNREFUSED`),
    );
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test(
    'refuses hosts that are not one cluster, and creates nothing',
    { timeout: WITH_RESTARTS + SLOW },
    async ({ site }) => {
      const separate = await startRabbitMq();
      onTestFinished(() => separate.stop());
      const url = withPorts(site.url, [sharedPort(), separate.port]);
      const lead = site.bare('lead').with({ AGENTQ_URL: url });
      // Each run begins at a random host.
      for (let n = 0; n < 3; n++) {
        expect(await lead.refused(...INIT)).toMatchObject({
          exit: 27,
          message: expect.stringMatching(
            /are not one cluster: 127\.0\.0\.1:\d+ is another broker; nothing was changed/,
          ),
        });
      }
      expect(existsSync(lead.path('.agentq'))).toBe(false);
      for (const port of [sharedPort(), separate.port]) {
        const [at, { log }] = [withPorts(site.url, [port]), site.names];
        expect(await onClient(at, (client) => queuesExist(client, [log]))).toBe(false);
      }
    },
  );

  test('plans quorum queues', async ({ site }) => {
    const lead = site.bare('lead').with({ AGENTQ_URL: withPorts(site.url, [1, 2]) });
    expect(await lead.ok(...INIT, '--dry-run')).toMatch(/^queue .* quorum, /m);
    expect(await lead.ok(...INIT, '--definitions')).toContain('"x-queue-type": "quorum"');
    expect(await lead.ok(...INIT, '--dry-run', '--no-replicated')).not.toContain('quorum');
  });
});

test('init with one host reports no reason for the type of its queues', { timeout: SLOW }, async ({ site }) => {
  const report = await site.bare('lead').json<Output<'init'>>(...INIT);
  expect(report.broker!.queues).toEqual({ type: 'classic' });
});
