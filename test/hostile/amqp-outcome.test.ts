import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test as base } from 'vitest';
import { test } from '../amqp/fixture.ts';
import { WITH_RESTARTS } from '../amqp/private.ts';
import { type Machine, Site, SLOW } from '../amqp/site.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { until } from '../worker/harness.ts';
import { freezingProxy } from './support/freezing-proxy.ts';

const UNKNOWN = { exit: 28, code: 'outcome-unknown' };

interface Case {
  /** Brings the task `a` into the state in which the command runs. */
  readonly before: (lead: Machine) => Promise<unknown>;
  readonly command: readonly string[];
  /** The beginning of the routing key of its publish. */
  readonly key: string;
  /** The status of `a` after the command took effect. */
  readonly after: string;
  /** The exit code of a repeat after the command took effect. */
  readonly again: number;
}

const submitted = (lead: Machine) => lead.submit('a');
const claimed = async (lead: Machine) => {
  await lead.submit('a');
  await lead.claim('--worker', 'w');
};
const dead = async (lead: Machine) => {
  await claimed(lead);
  await lead.ok('fail', 'a', '--from', 'r', '--reason', 'no');
};
const sender = ['--from', 'r', '--attempt', '1'];
const submit = ['submit', '--to', 'r', '--id', 'a', '--instructions', 'do a'];

const cases: Readonly<Record<string, Case>> = {
  submit: { before: async () => {}, command: submit, key: 'agentq.work.r', after: 'queued', again: 0 },
  'a delayed submit': {
    before: async () => {},
    command: [...submit, '--delay', '1h'],
    key: 'agentq.delay.',
    after: 'scheduled',
    again: 0,
  },
  claim: {
    before: submitted,
    command: ['claim', '--as', 'r', '--worker', 'w'],
    key: 'agentq.event.claimed',
    after: 'working',
    again: 9,
  },
  progress: {
    before: claimed,
    command: ['progress', 'a', ...sender, '--percent', '5'],
    key: 'agentq.event.renewed',
    after: 'working',
    again: 0,
  },
  complete: {
    before: claimed,
    command: ['complete', 'a', ...sender, '--summary', 'done'],
    key: 'agentq.event.completed',
    after: 'completed',
    again: 0,
  },
  fail: {
    before: claimed,
    command: ['fail', 'a', ...sender, '--reason', 'no'],
    key: 'agentq.event.attempt-failed',
    after: 'failed',
    again: 0,
  },
  'fail --retry': {
    before: claimed,
    command: ['fail', 'a', ...sender, '--reason', 'no', '--retry'],
    key: 'agentq.event.attempt-failed',
    after: 'scheduled',
    again: 0,
  },
  release: {
    before: claimed,
    command: ['release', 'a', ...sender],
    key: 'agentq.event.released',
    after: 'queued',
    again: 4,
  },
  cancel: { before: submitted, command: ['cancel', 'a'], key: 'agentq.event.cancelled', after: 'cancelled', again: 0 },
  'dlq retry': { before: dead, command: ['dlq', 'retry', 'a'], key: 'agentq.event.retried', after: 'queued', again: 4 },
  'dlq purge': {
    before: dead,
    command: ['dlq', 'purge', 'a'],
    key: 'agentq.event.dismissed',
    after: 'failed',
    again: 0,
  },
};

describe('a command that was sent and not answered has an unknown outcome', { timeout: SLOW }, () => {
  test.for(Object.entries(cases))('%s', async ([, { before, command, key, after, again }], { cast: { lead, one } }) => {
    await before(lead);
    const backoff = { base: '1h', max: '1h' };
    lead.configure({ defaults: { backoff } });
    const frozen = await freezingProxy(lead.site.url, (_frame, chunk) => chunk.includes(key));
    const there = lead.with({ AGENTQ_URL: frozen.url });
    const refused = await there.refused(...command, '--broker-timeout', '1s');
    expect(frozen.isFrozen()).toBe(true);
    expect(refused).toMatchObject({ ...UNKNOWN, message: expect.stringContaining('of a took effect') });
    expect(refused.hint).toMatch(command[0] === 'claim' ? /lease of w ends by itself/ : /again/);
    frozen.proxy.thaw();
    await until('it to take effect', async () => {
      const { tasks } = await one.json('list');
      return tasks.some(({ task_id, status }: any) => task_id === 'a' && status === after);
    });
    const events = (await one.events('a')).filter(({ type }) => type !== 'renewed' && type !== 'refused');
    expect((await lead.run(...command)).code).toBe(again);
    expect((await one.events('a')).filter(({ type }) => type !== 'renewed' && type !== 'refused')).toEqual(events);
  });

  test('a batch: its rows are written to a file with their ids, and a repeat creates no second tasks', async ({
    cast: { lead, one },
  }) => {
    lead.site.write('lead/context.md', 'the context\n');
    const rows = [
      { instructions: 'x' },
      { instructions: 'y', task_id: 'own' },
      { instructions: 'z', idempotency_key: 'key' },
      { file: 'context.md' },
    ];
    lead.site.write('lead/rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const frozen = await freezingProxy(lead.site.url, (_frame, chunk) => chunk.includes('agentq.event.submitted'));
    const there = lead.with({ AGENTQ_URL: frozen.url });
    const batch = ['submit', '--batch', 'rows.jsonl', '--to', 'r', '--priority', 'high'];
    const { exit, code, hint } = await there.refused(...batch, '--broker-timeout', '1s');
    expect({ exit, code }).toEqual(UNKNOWN);
    frozen.proxy.thaw();
    await until('it to take effect', async () => (await one.json('list')).tasks.length === 4);
    const file = /lie with their ids in (\S+):/.exec(hint!)![1]!;
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(4);
    expect(await lead.json('submit', '--batch', file)).toMatchObject({ created: 0 });
    expect((await one.json('list')).tasks).toHaveLength(4);
  });

  test('a command that was not sent is reported as unreachable', async ({ cast: { lead } }) => {
    await lead.submit('a');
    for (const command of [submit, ['cancel', 'a'], ['complete', 'a', '--from', 'r', '--summary', 's']]) {
      const frozen = await freezingProxy(lead.site.url, ({ method }) => method === 'confirm.select');
      const refused = await lead.with({ AGENTQ_URL: frozen.url }).refused(...command, '--broker-timeout', '1s');
      expect(refused).toMatchObject({ exit: 25, code: 'unreachable' });
    }
  });
});

describe('while a broker is short of memory', { timeout: SLOW }, () => {
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq();
  }, WITH_RESTARTS);
  afterAll(() => broker.stop());

  base.for([
    ['under a fresh id', []],
    ['under a given id', ['--id', 'own']],
    ['under a key', ['--idempotency-key', 'k']],
  ] as const)('the error of a submit %s contains its id, and the submit can be repeated', async ([, more]) => {
    const site = new Site(broker.url);
    onTestFinished(() => site.close());
    const lead = await site.machine('lead');
    await broker.ctl('set_vm_memory_high_watermark', '0.000001');
    const endAlarm = () => broker.ctl('set_vm_memory_high_watermark', '0.4');
    onTestFinished(async () => void (await endAlarm()));
    const submitting = ['submit', '--to', 'r', '--instructions', 'x', ...more];
    const { exit, code, message, hint } = await lead.refused(...submitting, '--broker-timeout', '500ms');
    expect({ exit, code }).toEqual(UNKNOWN);
    const id = /the submit of (\S+) took effect/.exec(message)![1]!;
    await endAlarm();
    const again = more[0] === '--idempotency-key' ? more : ['--id', id];
    expect(hint).toContain(more[0] === '--idempotency-key' ? '--idempotency-key' : `--id ${id}`);
    const repeat = ['submit', '--to', 'r', '--instructions', 'x', ...again];
    // The first submit may or may not arrive: this depends on how the system closes the connection of an ended process.
    expect(await lead.json(...repeat)).toMatchObject({ task_id: id });
    expect(await lead.json(...repeat)).toMatchObject({ task_id: id, created: false });
    await lead.workOff('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"');
    expect(await site.lines('ran')).toEqual([id]);
  });
});
