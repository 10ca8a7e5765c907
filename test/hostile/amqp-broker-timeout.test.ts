import { describe, expect, onTestFinished } from 'vitest';
import type { Frame } from '../broker/amqp-frames.ts';
import { freePort } from '../broker/free-port.ts';
import { test } from '../amqp/fixture.ts';
import { startProxy } from '../broker/tcp-proxy.ts';
import { type Machine, SLOW } from '../amqp/site.ts';
import { until } from '../worker/harness.ts';
import { freezingProxy } from './support/freezing-proxy.ts';

/** Every verb that uses the broker and ends by itself. */
const verbs: readonly (readonly string[])[] = [
  ['status'],
  ['status', 'a'],
  ['submit', '--to', 'r', '--instructions', 'x'],
  ['submit', '--to', 'r', '--instructions', 'x', '--id', 'b'],
  ['submit', '--batch', 'rows.jsonl'],
  ['wait', 'a'],
  ['result', 'a'],
  ['list'],
  ['show', 'a'],
  ['inbox'],
  ['inbox', '--keep'],
  ['cancel', 'a'],
  ['claim', '--as', 'r'],
  ['claim', '--as', 'r', '--wait', '1h'],
  ['progress', 'a', '--percent', '5'],
  ['complete', 'a', '--from', 'r', '--summary', 's'],
  ['fail', 'a', '--from', 'r', '--reason', 'x'],
  ['release', 'a', '--from', 'r'],
  ['dlq'],
  ['dlq', 'show', 'a'],
  ['dlq', 'retry', 'a'],
  ['dlq', 'purge', 'a'],
  ['doctor'],
  ['init'],
];

const opened = ({ method, channel }: Frame) => channel !== 0 && method !== 'channel.open';

/** Faults of the connection to the broker. */
const faults: Readonly<Record<string, (url: string) => Promise<string>>> = {
  'no process listens': async (url) => {
    const nowhere = new URL(url);
    nowhere.port = `${await freePort()}`;
    return nowhere.href;
  },
  'the broker accepts the connection and sends nothing': async (url) => (await freezingProxy(url)).url,
  'the broker sends nothing after the handshake': async (url) =>
    (await freezingProxy(url, ({ method }) => method === 'channel.open')).url,
  'the broker sends nothing after a channel is open': async (url) => (await freezingProxy(url, opened)).url,
};

/** Runs a command and kills it after 30 s if it has not ended. */
async function bounded(machine: Machine, ...args: readonly string[]) {
  const program = machine.start(...args);
  const timer = setTimeout(() => program.signal('SIGKILL'), 30_000);
  return program.ended.finally(() => clearTimeout(timer));
}

describe('--broker-timeout ends a command if', { timeout: SLOW }, () => {
  test.for(Object.entries(faults))('%s', async ([, faultOf], { cast: { lead } }) => {
    lead.site.write('lead/rows.jsonl', '{"to":"r","instructions":"x"}\n');
    const left = [...verbs];
    const runNext = async () => {
      for (let verb = left.shift(); verb; verb = left.shift()) {
        const machine = lead.with({ AGENTQ_URL: await faultOf(lead.site.url) });
        const { code, stdout, stderr } = await bounded(machine, ...verb, '--broker-timeout', '700ms');
        expect({ verb, code, stdout, stderr }).toMatchObject({ verb, code: 25, stdout: '' });
        expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^agentq: the broker at \S+ cannot be reached: /);
      }
    };
    await Promise.all([runNext(), runNext(), runNext()]);
  });
});

describe('wait --timeout', { timeout: SLOW }, () => {
  test.for(Object.entries(faults))('ends the wait if %s', async ([, faultOf], { cast: { lead } }) => {
    await lead.submit('a');
    const machine = lead.with({ AGENTQ_URL: await faultOf(lead.site.url) });
    expect(await bounded(machine, 'wait', 'a', '--timeout', '500ms', '--broker-timeout', '10m')).toMatchObject({
      code: 25,
      stderr: expect.stringContaining('the queue has not answered in time'),
    });
  });

  test('that ends before the task is no fault of the broker', async ({ cast: { lead } }) => {
    await lead.submit('a');
    // A query has one second to be answered. A loaded machine may sometimes need longer.
    await until('a wait with an answer', async () => (await lead.code('wait', 'a', '--timeout', '1ms')) === 8);
  });
});

test(
  'a command may take longer than --broker-timeout as long as the broker answers',
  { timeout: SLOW },
  async ({ cast: { site, lead } }) => {
    const rows = Array.from({ length: 2_000 }, (_, n) => ({ to: 'r', task_id: `t${n}`, instructions: noise(n) }));
    site.write('lead/rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    await lead.ok('submit', '--batch', 'rows.jsonl');
    for (let n = 0; n < 40; n++) await lead.submit(`s${n}`, '--instructions', noise(n).repeat(30));
    const url = await slowProxy(site.url);
    const fresh = await site.machine('fresh');
    const { tasks } = await fresh.with({ AGENTQ_URL: url }).json('list', '--limit', '5000', '--broker-timeout', '1s');
    expect(tasks).toHaveLength(2_040);
  },
);

test(
  'a worker reports once that the broker does not answer, and once that it answers again',
  { timeout: SLOW },
  async ({ cast: { site, lead, one } }) => {
    const frozen = await freezingProxy(site.url, () => false);
    await lead.submit('a');
    const worker = one
      .with({ AGENTQ_URL: frozen.url })
      .work('touch "$OUT/runs"; until_there go', '--broker-timeout', '2s');
    await until('the child to run', () => site.has('runs'));
    frozen.proxy.freeze();
    await lead.submit('b');
    await worker.printed('does not answer');
    site.write('go');
    await until('the result to be kept', () => one.files('outbox').length === 1);
    frozen.proxy.thaw();
    expect(await lead.wait('a', 'b')).toBe(0);
    worker.signal('SIGTERM');
    await worker.finished();
    const lines = worker.stderr.split('\n').filter((one) => /the broker at/.test(one));
    expect(lines).toEqual([expect.stringContaining('does not answer'), expect.stringContaining('answers again')]);
  },
);

/** @returns the URL of a proxy that pauses after each large chunk from the broker */
async function slowProxy(broker: string): Promise<string> {
  const url = new URL(broker);
  const proxy = await startProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  proxy.onData = (direction, chunk) => {
    if (direction === 'up' || chunk.length < 4_096) return 'pass';
    proxy.freeze();
    setTimeout(() => proxy.thaw(), 200);
    return 'pass';
  };
  url.port = `${proxy.port}`;
  return url.href;
}

/** Text that compresses badly. */
const noise = (n: number) =>
  Array.from({ length: 40 }, (_, i) => ((n + 1) * (i + 7) * 2_654_435_761).toString(36)).join(' ');
