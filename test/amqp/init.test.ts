import amqplib from 'amqplib';
import { existsSync } from 'node:fs';
import { describe, expect, onTestFinished } from 'vitest';
import { guarantees } from '../../src/backend/amqp/topology/guarantees.ts';
import { type Output, outputs } from '../../src/cli/output/schemas.ts';
import { strict } from '../cli/strict.ts';
import * as z from 'zod/mini';
import { PlainClient } from '../backend/support/plain-client.ts';
import { brokerProduct } from '../broker/shared-broker.ts';
import { bareTest as test } from './fixture.ts';
import { type Site, SLOW } from './site.ts';

const INIT = ['init', '--workers', 'r,s'];

/** Somebody who declares things with a driver, as another program would. */
async function operator(site: Site) {
  const plain = new URL(site.url);
  plain.search = '';
  const connection = await amqplib.connect(plain.href);
  onTestFinished(() => connection.close());
  const ask = async (body: (channel: amqplib.Channel) => Promise<unknown>): Promise<boolean> => {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    return body(channel).then(
      () => true,
      () => false,
    );
  };
  return {
    hasQueue: (name: string) => ask((channel) => channel.checkQueue(name)),
    hasExchange: (name: string) => ask((channel) => channel.checkExchange(name)),
    queue: (name: string, options: amqplib.Options.AssertQueue) => ask((channel) => channel.assertQueue(name, options)),
    exchange: (name: string, type: string) => ask((channel) => channel.assertExchange(name, type)),
    remove: async (queues: readonly string[]) => {
      for (const name of queues) await ask((channel) => channel.deleteQueue(name));
    },
  };
}

describe('init on a broker', { timeout: SLOW }, () => {
  test('declares what is missing, and says who sees to what', async ({ site }) => {
    const machine = site.bare('lead');
    const said = await machine.ok(...INIT);
    const [first, second, ...rest] = said.split('\n');
    const { name, version } = await brokerProduct();
    expect(first).toBe(`made the workspace ${machine.path('.agentq')}`);
    expect(second).toMatch(/^\S+ \S+ at \S+: declared \d+ exchanges and queues$/);
    expect(second).toContain(`${name} ${version} at `);
    expect(rest.map((line) => line.trim().split(/ {2,}/))).toEqual(
      guarantees({ name, version }, false).map(({ promise, by, how }) => [promise, by, how]),
    );
    const { hasQueue, hasExchange } = await operator(site);
    const { names } = site;
    for (const name of [
      names.log,
      names.work('r'),
      names.work('s'),
      names.deadLetters,
      names.results('results.coordinator'),
    ])
      expect(await hasQueue(name), name).toBe(true);
    expect(await hasExchange(names.exchange)).toBe(true);
  });

  test('does no harm a second time, nor on a second machine', async ({ site }) => {
    const machine = site.bare('lead');
    await machine.ok(...INIT);
    await machine.submit('a');
    await machine.ok('submit', '--to', 's', '--id', 'b', '--instructions', 'x');
    await machine.ok('fail', 'b', '--from', 's', '--reason', 'no');
    const client = await PlainClient.of(site);
    const { names } = site;
    const queues = [names.work('r'), names.deadLetters, names.results('results.coordinator')];
    const before = await Promise.all(queues.map((queue) => client.peek(queue)));
    expect(before.map((messages) => messages.length)).toEqual([1, 1, 1]);
    expect(await machine.ok(...INIT)).toMatch(/^found the workspace .*\n.*: everything was there already\n/);
    expect(await site.bare('other').json(...INIT)).toMatchObject({ broker: { declared: [] } });
    expect(await Promise.all(queues.map((queue) => client.peek(queue)))).toEqual(before);
    expect(await machine.claim()).toMatchObject({ task_id: 'a' });
  });

  test('adds a role to what is there', async ({ site }) => {
    onTestFinished(async () => (await operator(site)).remove([site.names.work('late')]));
    const machine = site.bare('lead');
    await machine.ok(...INIT);
    expect(await machine.json('init', '--workers', 'late')).toMatchObject({
      broker: { declared: [site.names.work('late')] },
    });
    await machine.ok('submit', '--to', 'late', '--id', 'a', '--instructions', 'x');
    expect(await machine.json('claim', '--as', 'late')).toMatchObject({ task_id: 'a' });
  });

  test('makes results queues for the coordinators that are named', async ({ site }) => {
    const { names } = site;
    const own = [names.results('results.boss'), names.results('results.scout')];
    onTestFinished(async () => (await operator(site)).remove(own));
    const { hasQueue } = await operator(site);
    await site.bare('lead').ok(...INIT, '--coordinators', 'boss,scout');
    for (const queue of own) expect(await hasQueue(queue)).toBe(true);
    expect(await hasQueue(names.results('results.coordinator'))).toBe(false);
  });

  test('names each difference, changes nothing, and makes no workspace', async ({ site }) => {
    const { names } = site;
    const { queue, exchange, hasQueue, hasExchange } = await operator(site);
    await queue(names.work('r'), { arguments: { 'x-queue-type': 'classic', 'x-max-priority': 9, 'x-message-ttl': 5 } });
    await queue(names.deadLetters, { durable: false });
    await queue(names.log, { arguments: { 'x-queue-type': 'classic' } });
    await exchange(names.exchange, 'direct');
    const machine = site.bare('lead');
    const { exit, message, hint } = await machine.refused(...INIT);
    expect(exit).toBe(27);
    const of = (name: string) => message.split('; ').filter((part) => part.includes(`${name}: `));
    // LavinMQ does not say what is otherwise; what should be there is said then.
    const namesEach = (await brokerProduct()).name === 'RabbitMQ';
    if (namesEach) {
      expect(of(names.work('r')).map((part) => /'(x-[^']+)'/.exec(part)?.[1])).toEqual(
        expect.arrayContaining(['x-max-priority', 'x-message-ttl']),
      );
    } else expect(of(names.work('r'))).toEqual([expect.stringContaining('x-max-priority')]);
    expect(of(names.deadLetters)).toEqual([expect.stringContaining('durable')]);
    expect(of(names.log)).toContainEqual(
      expect.stringMatching(namesEach ? /x-queue-type.*'stream'.*'classic'/ : /x-queue-type 'stream'/),
    );
    expect(of(names.exchange)).toEqual([expect.stringContaining('type')]);
    expect(message).toContain('nothing was changed');
    expect(hint).toContain('prefix=');
    expect(await hasQueue(names.work('s'))).toBe(false);
    expect(await hasExchange(names.tokens)).toBe(false);
    expect(existsSync(machine.path('.agentq'))).toBe(false);
  });

  test('a difference in one thing leaves a workspace and its queue as they were', async ({ site }) => {
    const machine = site.bare('lead');
    await machine.ok(...INIT);
    await machine.submit('a');
    const late = site.names.work('late');
    const { queue, remove } = await operator(site);
    onTestFinished(() => remove([late]));
    await queue(late, {});
    expect(await machine.refused('init', '--workers', 'late')).toMatchObject({
      exit: 27,
      message: expect.stringContaining(`one thing otherwise; nothing was changed: ${late}: `),
    });
    expect(await machine.claim()).toMatchObject({ task_id: 'a' });
  });

  test('--dry-run tells what it would declare, and makes nothing', async ({ site }) => {
    const machine = site.bare('lead');
    const { names } = site;
    const text = await machine.ok(...INIT, '--dry-run');
    for (const name of [names.log, names.work('r'), names.work('s')])
      expect(text).toMatch(new RegExp(`^queue +${name.replaceAll('.', String.raw`\.`)} `, 'm'));
    expect(text).toMatch(/^exchange /m);
    expect(text).toMatch(/^binding /m);
    expect(existsSync(machine.path('.agentq'))).toBe(false);
    const { hasQueue, hasExchange } = await operator(site);
    expect(await hasQueue(names.log)).toBe(false);
    expect(await hasExchange(names.exchange)).toBe(false);
    const planned = await machine.json<{ queues: { name: string }[]; exchanges: { name: string }[] }>(
      ...INIT,
      '--dry-run',
    );
    const { broker } = await machine.json<Output<'init'>>(...INIT);
    const all = [...planned.queues, ...planned.exchanges].map(({ name }) => name);
    expect([...new Set(broker!.declared)].toSorted()).toEqual([...new Set(all)].toSorted());
  });

  test('--json prints what the schema says', async ({ site }) => {
    const machine = site.bare('lead');
    for (const declared of [expect.arrayContaining([site.names.log]), []]) {
      const report = await machine.json<Output<'init'>>(...INIT);
      expect(z.safeParse(strict(outputs.init), report).error?.issues ?? []).toEqual([]);
      expect(report).toMatchObject({ created: !Array.isArray(declared), broker: { declared } });
    }
  });

  test('keeps a URL that is named on its command line, for its owner alone', async ({ site }) => {
    const machine = site.bare('lead').with({ AGENTQ_URL: undefined });
    const said = await machine.run(...INIT, '--url', site.url);
    expect(said).toMatchObject({ code: 0 });
    expect(said.stdout + said.stderr).not.toContain(new URL(site.url).password + '@');
    await machine.submit('a');
    expect(await machine.claim()).toMatchObject({ task_id: 'a' });
    expect(await machine.run(...INIT, '--url', `${site.url}x`)).toMatchObject({ code: 2 });
  });

  test('refuses a name that is none', async ({ site }) => {
    const machine = site.bare('lead');
    expect(await machine.refused('init', '--workers', 'a b')).toMatchObject({ exit: 11 });
    expect(await machine.refused('init', '--coordinators', 'a/b')).toMatchObject({ exit: 11 });
    expect(existsSync(machine.path('.agentq'))).toBe(false);
  });
});
