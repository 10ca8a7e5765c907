import amqplib, { type Channel } from 'amqplib';
import { describe, expect } from 'vitest';
import { ownTest as test } from '../amqp/fixture.ts';
import { type Site, SLOW } from '../amqp/site.ts';

const MISSING = { exit: 27, code: 'topology' };

/** Changes something on the broker, as its operator can. */
async function onBroker(site: Site, change: (channel: Channel) => Promise<unknown>): Promise<void> {
  const plain = new URL(site.url);
  plain.search = '';
  const connection = await amqplib.connect(plain.href);
  await change(await connection.createChannel());
  await connection.close();
}

const unbind = (site: Site, key: string) =>
  onBroker(site, (channel) => channel.unbindQueue(site.names.log, site.names.exchange, key));

const submit = ['submit', '--to', 'r', '--instructions', 'x', '--broker-timeout', '8s'];

describe('after an operator removed a part of the topology', { timeout: SLOW }, () => {
  test('every command names the missing binding of the events', async ({ cast: { site, lead } }) => {
    await lead.submit('a');
    await unbind(site, 'agentq.event.#');
    for (const command of [['status'], ['cancel', 'a'], ['wait', 'a'], ['claim', '--as', 'r']]) {
      const refused = await lead.refused(...command, '--broker-timeout', '2s');
      expect({ command, ...refused }).toMatchObject({ ...MISSING, message: expect.stringContaining('no binding') });
      expect(refused.hint).toContain('agentq init');
    }
    await lead.ok('init', '--workers', 'r');
    expect(await lead.json('status', 'a')).toMatchObject({ status: 'queued' });
  });

  for (const [what, more] of [
    ['a fresh id', []],
    ['a given id', ['--id', 'a']],
    ['a delay', ['--delay', '1h']],
  ] as const) {
    test(`a submit with ${what} names the missing binding of the role`, async ({ cast: { site, lead } }) => {
      await unbind(site, 'agentq.work.r.*');
      await unbind(site, `agentq.delay.${'*.'.repeat(23)}r.*`);
      const refused = await lead.refused(...submit, ...more);
      expect(refused).toMatchObject({ ...MISSING, message: expect.stringContaining('no binding') });
      expect(refused.hint).toContain('agentq init --workers r');
      await lead.ok('init', '--workers', 'r');
      await lead.ok(...submit, ...more);
    });
  }

  test('a submit that reached only the work queue keeps its context', async ({ cast: { site, lead } }) => {
    await unbind(site, 'agentq.work.r.*');
    site.write('lead/context.md', 'the context');
    expect(await lead.refused(...submit, '--id', 'a', '--file', 'context.md')).toMatchObject(MISSING);
    await lead.workOff('cat');
    expect(await lead.ok('result', 'a')).toContain('the context');
  });

  test('a role whose queue was deleted has the same error as an undeclared role', async ({ cast: { site, lead } }) => {
    await onBroker(site, (channel) => channel.deleteQueue(site.names.work('r')));
    site.write('lead/rows.jsonl', '{"to":"r","instructions":"x"}\n');
    for (const more of [[], ['--id', 'a'], ['--delay', '1h']]) {
      const [gone, unknown] = await Promise.all([
        lead.refused(...submit, ...more),
        lead.refused('submit', '--to', 'painter', '--instructions', 'x', ...more),
      ]);
      expect(gone).toMatchObject({ ...MISSING, message: 'the broker has no queue for r' });
      expect({ ...gone, output: '' }).toEqual(
        JSON.parse(JSON.stringify({ ...unknown, output: '' }).replaceAll('painter', 'r')),
      );
    }
    expect(await lead.refused('submit', '--batch', 'rows.jsonl')).toMatchObject(MISSING);
    expect((await lead.json('list')).tasks).toEqual([]);
  });

  test('a worker reports once that its queue is gone, and continues when it is declared again', async ({
    cast: { site, lead, one },
  }) => {
    await lead.submit('a');
    const worker = one.work('true');
    expect(await lead.wait('a')).toBe(0);
    await onBroker(site, (channel) => channel.deleteQueue(site.names.work('r')));
    await worker.printed('the broker has no queue for r: waiting for it');
    await lead.ok('init', '--workers', 'r');
    await worker.printed('the queue of r exists again');
    await lead.submit('b');
    expect(await lead.wait('b')).toBe(0);
    worker.signal('SIGTERM');
    await worker.finished();
    expect(worker.stderr.split('\n').filter((line) => line.includes('no queue for r'))).toHaveLength(1);
  });
});
