import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { type RabbitMq, startRabbitMqCluster } from '../broker/private-rabbitmq.ts';
import { until } from '../worker/harness.ts';
import { WITH_RESTARTS, withPorts } from './private.ts';
import { Site } from './site.ts';

/**
 * Three nodes of RabbitMQ need half a minute of two processors to start, so this test runs only with
 * AGENTQ_TEST_CLUSTER=1. hosts.test.ts always tests a failover between two hosts of one broker.
 */
const wanted = process.env['AGENTQ_TEST_CLUSTER'] === '1';

let nodes: readonly RabbitMq[] = [];

beforeAll(async () => {
  if (wanted) nodes = await startRabbitMqCluster(3);
}, 3 * WITH_RESTARTS);
afterAll(async () => {
  for (const node of nodes.toReversed()) await node.stop();
});

describe.runIf(wanted)('a cluster of three nodes', () => {
  test('kill -9 of each node in turn loses no task and runs none twice', { timeout: 3 * WITH_RESTARTS }, async () => {
    const url = withPorts(
      nodes[0]!.url,
      nodes.map(({ port }) => port),
    );
    const site = new Site(url);
    onTestFinished(() => site.clear());
    const lead = site.bare('lead');
    const init = ['init', '--store', site.store, '--workers', 'r'];
    expect((await lead.json<Output<'init'>>(...init)).broker).toMatchObject({ queues: { type: 'quorum' } });
    const machines = [site.bare('one'), site.bare('two'), site.bare('three')];
    for (const machine of machines) await machine.ok(...init);
    const workers = machines.map((machine) =>
      machine.work('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"; sleep 0.2; echo done', '--broker-timeout', '60s'),
    );
    onTestFinished(() => workers.forEach((worker) => worker.running && worker.signal('SIGKILL')));
    const ids: string[] = [];
    for (const [round, node] of nodes.entries()) {
      const batch = Array.from({ length: 40 }, (_, n) => `t${round}-${n}`);
      ids.push(...batch);
      site.write('batch.jsonl', batch.map((id) => `{"to":"r","task_id":"${id}","instructions":"x"}\n`).join(''));
      await lead.ok('submit', '--batch', site.path('batch.jsonl'), '--broker-timeout', '60s');
      await site.lines('ran', 40 * round + 10);
      await node.kill();
      const late = `late-${round}`;
      ids.push(late);
      await lead.submit(late, '--broker-timeout', '60s');
      expect(await lead.code('wait', ...batch, late, '--timeout', '120s', '--broker-timeout', '60s')).toBe(0);
      await node.restart();
    }
    const ran = site.read('ran').trim().split('\n');
    expect(ran.toSorted()).toEqual(ids.toSorted());
    for (const worker of workers) {
      worker.signal('SIGTERM');
      await worker.finished();
    }
    await until('the cluster to answer', async () => (await lead.code('doctor')) === 0);
  });
});
