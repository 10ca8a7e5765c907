import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test as base } from 'vitest';
import { test } from '../amqp/fixture.ts';
import { BOOTS } from '../amqp/private.ts';
import { type Machine, Site, SLOW } from '../amqp/site.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { until } from '../worker/harness.ts';
import { deadLine } from './support/dead-line.ts';

const UNKNOWN = { exit: 28, code: 'outcome-unknown' };

interface Case {
  /** How the task `a` comes to where the command finds it. */
  readonly before: (lead: Machine) => Promise<unknown>;
  readonly command: readonly string[];
  /** What the key of its publish begins with. */
  readonly key: string;
  /** The status of `a` where it took effect. */
  readonly after: string;
  /** What saying it again ends with, where it took effect. */
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
const spoken = ['--from', 'r', '--attempt', '1'];
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
    command: ['progress', 'a', ...spoken, '--percent', '5'],
    key: 'agentq.event.renewed',
    after: 'working',
    again: 0,
  },
  complete: {
    before: claimed,
    command: ['complete', 'a', ...spoken, '--summary', 'done'],
    key: 'agentq.event.completed',
    after: 'completed',
    again: 0,
  },
  fail: {
    before: claimed,
    command: ['fail', 'a', ...spoken, '--reason', 'no'],
    key: 'agentq.event.attempt-failed',
    after: 'failed',
    again: 0,
  },
  'fail --retry': {
    before: claimed,
    command: ['fail', 'a', ...spoken, '--reason', 'no', '--retry'],
    key: 'agentq.event.attempt-failed',
    after: 'scheduled',
    again: 0,
  },
  release: {
    before: claimed,
    command: ['release', 'a', ...spoken],
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

describe('what was sent, and is not answered, has an unknown outcome', { timeout: SLOW }, () => {
  test.for(Object.entries(cases))('%s', async ([, { before, command, key, after, again }], { cast: { lead, one } }) => {
    await before(lead);
    const backoff = { base: '1h', max: '1h' };
    lead.configure({ defaults: { backoff } });
    const line = await deadLine(lead.site.url, (_frame, chunk) => chunk.includes(key));
    const there = lead.with({ AGENTQ_URL: line.url });
    const refused = await there.refused(...command, '--broker-timeout', '1s');
    expect(line.dead()).toBe(true);
    expect(refused).toMatchObject({ ...UNKNOWN, message: expect.stringContaining('of a took effect') });
    expect(refused.hint).toMatch(command[0] === 'claim' ? /lease of w ends by itself/ : /again/);
    line.proxy.thaw();
    await until('it to take effect', async () => {
      const { tasks } = await one.json('list');
      return tasks.some(({ task_id, status }: any) => task_id === 'a' && status === after);
    });
    const events = (await one.events('a')).filter(({ type }) => type !== 'renewed' && type !== 'refused');
    expect((await lead.run(...command)).code).toBe(again);
    expect((await one.events('a')).filter(({ type }) => type !== 'renewed' && type !== 'refused')).toEqual(events);
  });

  test('of a batch: its rows are kept with their ids, and are no tasks twice', async ({ cast: { lead, one } }) => {
    lead.site.write('lead/context.md', 'the context\n');
    const rows = [
      { instructions: 'x' },
      { instructions: 'y', task_id: 'own' },
      { instructions: 'z', idempotency_key: 'key' },
      { file: 'context.md' },
    ];
    lead.site.write('lead/rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const line = await deadLine(lead.site.url, (_frame, chunk) => chunk.includes('agentq.event.submitted'));
    const there = lead.with({ AGENTQ_URL: line.url });
    const batch = ['submit', '--batch', 'rows.jsonl', '--to', 'r', '--priority', 'high'];
    const { exit, code, hint } = await there.refused(...batch, '--broker-timeout', '1s');
    expect({ exit, code }).toEqual(UNKNOWN);
    line.proxy.thaw();
    await until('it to take effect', async () => (await one.json('list')).tasks.length === 4);
    const file = /lie with their ids in (\S+):/.exec(hint!)![1]!;
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(4);
    expect(await lead.json('submit', '--batch', file)).toMatchObject({ created: 0 });
    expect((await one.json('list')).tasks).toHaveLength(4);
  });

  test('and where nothing was sent, nothing has happened', async ({ cast: { lead } }) => {
    await lead.submit('a');
    for (const command of [submit, ['cancel', 'a'], ['complete', 'a', '--from', 'r', '--summary', 's']]) {
      const line = await deadLine(lead.site.url, ({ method }) => method === 'confirm.select');
      const refused = await lead.with({ AGENTQ_URL: line.url }).refused(...command, '--broker-timeout', '1s');
      expect(refused).toMatchObject({ exit: 25, code: 'unreachable' });
    }
  });
});

describe('while a broker is short of memory', { timeout: SLOW }, () => {
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq();
  }, BOOTS);
  afterAll(() => broker.stop());

  base.for([
    ['under a fresh id', []],
    ['under an id of its own', ['--id', 'own']],
    ['under a key', ['--idempotency-key', 'k']],
  ] as const)('a submit %s that gave up is told of by its id, and can be said again', async ([, more]) => {
    const site = new Site(broker.url);
    onTestFinished(() => site.close());
    const lead = await site.machine('lead');
    await broker.ctl('set_vm_memory_high_watermark', '0.000001');
    const calm = () => broker.ctl('set_vm_memory_high_watermark', '0.4');
    onTestFinished(async () => void (await calm()));
    const submitting = ['submit', '--to', 'r', '--instructions', 'x', ...more];
    const { exit, code, message, hint } = await lead.refused(...submitting, '--broker-timeout', '500ms');
    expect({ exit, code }).toEqual(UNKNOWN);
    const id = /the submit of (\S+) took effect/.exec(message)![1]!;
    await calm();
    const again = more[0] === '--idempotency-key' ? more : ['--id', id];
    expect(hint).toContain(more[0] === '--idempotency-key' ? '--idempotency-key' : `--id ${id}`);
    const said = ['submit', '--to', 'r', '--instructions', 'x', ...again];
    // Whether the first one arrives depends on how the system ends the connection of a process that has gone.
    expect(await lead.json(...said)).toMatchObject({ task_id: id });
    expect(await lead.json(...said)).toMatchObject({ task_id: id, created: false });
    await lead.workOff('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"');
    expect(await site.lines('ran')).toEqual([id]);
  });
});
