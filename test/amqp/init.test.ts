import amqplib from 'amqplib';
import { existsSync } from 'node:fs';
import { describe, expect, onTestFinished } from 'vitest';
import { guarantees } from '../../src/backend/amqp/topology/guarantees.ts';
import { type Output, outputs } from '../../src/cli/output/schemas/outputs.ts';
import { strict } from '../cli/strict.ts';
import * as z from 'zod/mini';
import { PlainClient } from '../backend/support/plain-client.ts';
import { brokerProduct } from '../broker/shared-broker.ts';
import { bareTest as test } from './fixture.ts';
import { type Site, SLOW } from './site.ts';

const INIT = ['init', '--workers', 'r,s'];

/** A client that declares queues and exchanges without agentq. */
async function operator(site: Site) {
  const plain = new URL(site.url);
  plain.search = '';
  const connection = await amqplib.connect(plain.href);
  onTestFinished(() => connection.close());
  const succeeds = async (body: (channel: amqplib.Channel) => Promise<unknown>): Promise<boolean> => {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    return body(channel).then(
      () => true,
      () => false,
    );
  };
  return {
    hasQueue: (name: string) => succeeds((channel) => channel.checkQueue(name)),
    hasExchange: (name: string) => succeeds((channel) => channel.checkExchange(name)),
    queue: (name: string, options: amqplib.Options.AssertQueue) =>
      succeeds((channel) => channel.assertQueue(name, options)),
    exchange: (name: string, type: string) => succeeds((channel) => channel.assertExchange(name, type)),
    remove: async (queues: readonly string[]) => {
      for (const name of queues) await succeeds((channel) => channel.deleteQueue(name));
    },
  };
}

describe('init on a broker', { timeout: SLOW }, () => {
  test('declares what is missing, and prints the guarantees', async ({ site }) => {
    const machine = site.bare('lead');
    const output = await machine.ok(...INIT);
    const [first, second, ...rest] = output.split('\n');
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

  test('changes nothing a second time or on a second machine', async ({ site }) => {
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
    expect(await machine.ok(...INIT)).toMatch(
      /^found the workspace .*\n.*: everything was there already\n {2}the guarantees are the same as before: [^\n]*$/,
    );
    expect(await site.bare('other').json(...INIT)).toMatchObject({ broker: { declared: [] } });
    expect(await Promise.all(queues.map((queue) => client.peek(queue)))).toEqual(before);
    expect(await machine.claim()).toMatchObject({ task_id: 'a' });
  });

  test('adds a role to the existing topology', async ({ site }) => {
    onTestFinished(async () => (await operator(site)).remove([site.names.work('late')]));
    const machine = site.bare('lead');
    await machine.ok(...INIT);
    expect(await machine.json('init', '--workers', 'late')).toMatchObject({
      broker: { declared: [site.names.work('late')] },
    });
    await machine.ok('submit', '--to', 'late', '--id', 'a', '--instructions', 'x');
    expect(await machine.json('claim', '--as', 'late')).toMatchObject({ task_id: 'a' });
  });

  test('declares results queues for the given coordinators', async ({ site }) => {
    const { names } = site;
    const own = [names.results('results.boss'), names.results('results.scout')];
    onTestFinished(async () => (await operator(site)).remove(own));
    const { hasQueue } = await operator(site);
    await site.bare('lead').ok(...INIT, '--coordinators', 'boss,scout');
    for (const queue of own) expect(await hasQueue(queue)).toBe(true);
    expect(await hasQueue(names.results('results.coordinator'))).toBe(false);
  });

  test('names each difference, changes nothing, and creates no workspace', async ({ site }) => {
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
    // LavinMQ does not name the differing argument. Then the error names the expected arguments.
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

  test('a difference in one queue does not affect an existing workspace and its queue', async ({ site }) => {
    const machine = site.bare('lead');
    await machine.ok(...INIT);
    await machine.submit('a');
    const late = site.names.work('late');
    const { queue, remove } = await operator(site);
    onTestFinished(() => remove([late]));
    await queue(late, {});
    expect(await machine.refused('init', '--workers', 'late')).toMatchObject({
      exit: 27,
      message: expect.stringContaining(`1 thing otherwise; nothing was changed: ${late}: `),
    });
    expect(await machine.claim()).toMatchObject({ task_id: 'a' });
  });

  test('--dry-run lists the planned declarations, and creates nothing', async ({ site }) => {
    const machine = site.bare('lead');
    const { names } = site;
    const text = await machine.ok(...INIT, '--dry-run');
    for (const name of [names.log, names.work('r'), names.work('s')])
      expect(text).toMatch(new RegExp(`^queue +${name.replaceAll('.', String.raw`\.`)} `, 'm'));
    expect(text).toMatch(/^exchange /m);
    expect(text).toMatch(/^queue .*\.delay\.00 to .*\.delay\.22 \(23\)  classic, a delay of 1 s to a delay of /m);
    expect(text.length).toBeLessThan(2_000);
    const all = await machine.ok(...INIT, '--dry-run', '--verbose');
    expect(text).toContain(`${all.match(/^exchange /gm)!.length} exchanges, ${all.match(/^queue /gm)!.length} queues`);
    expect(text).toContain(`${all.match(/^binding /gm)!.length} bindings: --verbose lists each`);
    expect(all).toMatch(/^queue .*\{"x-queue-type":"stream"/m);
    expect(await machine.code(...INIT, '--verbose')).toBe(2);
    expect(existsSync(machine.path('.agentq'))).toBe(false);
    const { hasQueue, hasExchange } = await operator(site);
    expect(await hasQueue(names.log)).toBe(false);
    expect(await hasExchange(names.exchange)).toBe(false);
    const planned = await machine.json<{ queues: { name: string }[]; exchanges: { name: string }[] }>(
      ...INIT,
      '--dry-run',
    );
    const { broker } = await machine.json<Output<'init'>>(...INIT);
    const wanted = [...planned.queues, ...planned.exchanges].map(({ name }) => name);
    expect([...new Set(broker!.declared)].toSorted()).toEqual([...new Set(wanted)].toSorted());
  });

  test('the output of --json matches the schema', async ({ site }) => {
    const machine = site.bare('lead');
    for (const declared of [expect.arrayContaining([site.names.log]), []]) {
      const report = await machine.json<Output<'init'>>(...INIT);
      expect(z.safeParse(strict(outputs.init), report).error?.issues ?? []).toEqual([]);
      expect(report).toMatchObject({ created: !Array.isArray(declared), broker: { declared } });
    }
  });

  test('stores a URL from its command line in a file that only its owner can read', async ({ site }) => {
    const machine = site.bare('lead').with({ AGENTQ_URL: undefined });
    const ran = await machine.run(...INIT, '--url', site.url);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout + ran.stderr).not.toContain(new URL(site.url).password + '@');
    await machine.submit('a');
    expect(await machine.claim()).toMatchObject({ task_id: 'a' });
    expect(await machine.run(...INIT, '--url', `${site.url}x`)).toMatchObject({ code: 2 });
  });

  test('refuses an invalid name', async ({ site }) => {
    const machine = site.bare('lead');
    expect(await machine.refused('init', '--workers', 'a b')).toMatchObject({ exit: 11 });
    expect(await machine.refused('init', '--coordinators', 'a/b')).toMatchObject({ exit: 11 });
    expect(existsSync(machine.path('.agentq'))).toBe(false);
  });
});
