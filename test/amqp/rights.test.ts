import amqplib, { type ChannelModel } from 'amqplib';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { TaskRequest } from '../../src/backend/backend.ts';
import { openBackend } from '../../src/backend/open.ts';
import type { BackendOptions } from '../../src/backend/options.ts';
import { FORMAT } from '../../src/backend/amqp/wire/message/format.ts';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { repeatedTasks } from '../backend/support/repeated-tasks.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';
import { WITH_RESTARTS, newPassword, urlOf } from './private.ts';
import { type Machine, Site, SLOW } from './site.ts';

/** The users in the definitions for two roles and one coordinator. */
const USERS = ['coordinator', 'r', 's'] as const;
type User = (typeof USERS)[number];

let broker: RabbitMq;
let site: Site;
let admin: Machine;
let definitions: string;
const urls = new Map<User, string>();
const machines = new Map<User, Machine>();

/** A machine whose URL contains the name and password of the user. */
const as = (user: User): Machine => machines.get(user)!;

/** Queues, exchanges, and bindings. */
const all = () =>
  Promise.all([
    broker.ctl('list_queues', 'name', 'durable', 'arguments', '--formatter', 'json'),
    broker.ctl('list_exchanges', 'name', 'type', 'durable', '--formatter', 'json'),
    broker.ctl('list_bindings', '--formatter', 'json'),
  ]).then((lists) => lists.map((list) => (JSON.parse(list) as object[]).map((one) => JSON.stringify(one)).toSorted()));

beforeAll(async () => {
  broker = await startRabbitMq();
  site = new Site(broker.url);
  admin = site.bare('admin');
  definitions = await admin.ok('init', '--workers', 'r,s', '--definitions');
  await broker.ctl('import_definitions', site.write('definitions.json', definitions));
  for (const user of USERS) {
    const password = newPassword();
    await broker.ctl('change_password', `${site.names.prefix}-${user}`, password);
    const url = new URL(urlOf(broker, `${site.names.prefix}-${user}`, password));
    url.searchParams.set('prefix', site.names.prefix);
    urls.set(user, url.href);
    const machine = site.bare(user).with({ AGENTQ_URL: url.href });
    machines.set(user, machine);
    await machine.ok('init', '--store', site.store, '--workers', 'r,s');
    machine.configure({ defaults: { backoff: { base: '50ms', max: '100ms' } } });
  }
}, WITH_RESTARTS);

afterAll(async () => {
  await site.clear();
  await broker.stop();
});

/** The options with which a process on another machine opens the queue. */
function optionsOf(user: User, retention = { days: 30, bytes: 1e9 }): BackendOptions {
  return storeOptions(scratchFolder(), {
    queue: {
      scheme: 'amqp',
      url: urls.get(user)!,
      patience: SLOW,
      replicated: false,
      say: () => {},
      refOf: (path) => path,
      machine: () => ({ name: user, clock: user }),
      retention,
    },
  });
}

const fresh = () => `t${randomBytes(4).toString('hex')}`;

/** A task of the role, from its coordinator. */
async function submitted(role = 'r', ...more: readonly string[]): Promise<string> {
  const id = fresh();
  await as('coordinator').ok('submit', '--to', role, '--id', id, '--instructions', 'x', ...more);
  return id;
}

describe('the definitions', { timeout: SLOW }, () => {
  test('contain everything that init declares, and no password', async () => {
    const before = await all();
    expect(before[0]!.length).toBeGreaterThan(5);
    const { broker: report } = await admin.json<Output<'init'>>('init', '--store', site.store, '--workers', 'r,s');
    expect(report!.declared).toEqual([]);
    expect(await all()).toEqual(before);
    const { users } = JSON.parse(definitions) as { users: { name: string; password_hash: string; tags: string }[] };
    expect(users.map(({ name }) => name)).toEqual(USERS.map((user) => `${site.names.prefix}-${user}`));
    expect(users.every(({ password_hash, tags }) => password_hash === '' && tags === '')).toBe(true);
  });

  test('do not allow a login without a password', async () => {
    const { prefix } = site.names;
    await broker.ctl('import_definitions', site.write('others.json', definitions.replaceAll(prefix, `${prefix}-o`)));
    const user = `${prefix}-o-r`;
    const denied = site.bare('denied').with({ AGENTQ_URL: urlOf(broker, user, '') });
    expect(await denied.refused('init')).toMatchObject({ exit: 26 });
  });
});

describe('a coordinator', { timeout: SLOW }, () => {
  test('may submit, query, cancel, edit, redo and retry tasks', async () => {
    const lead = as('coordinator');
    const ids = [await submitted(), await submitted('s', '--delay', '1h'), await submitted('s', '--priority', 'high')];
    await lead.ok(
      'submit',
      '--batch',
      site.write('batch.jsonl', `{"to":"r","task_id":"${fresh()}","instructions":"x"}`),
    );
    await lead.ok('cancel', ...ids);
    expect(await lead.wait(ids[0]!)).toBe(5);
    const failed = await submitted();
    await as('r').ok('fail', failed, '--from', 'r', '--reason', 'no');
    expect((await lead.json<Output<'dlq'>>('dlq')).tasks.map(({ task_id }) => task_id)).toContain(failed);
    await lead.ok('dlq', 'retry', failed);
    await lead.ok('cancel', failed);
    const done = await submitted();
    await lead.ok('edit', done, '--to', 's');
    expect(await as('s').ok('claim', '--as', 's')).toContain(done);
    await as('s').ok('complete', done, '--from', 's', '--summary', 'x');
    await lead.ok('redo', done, '--reason', 'it lacks a part');
    await lead.ok('cancel', done);
    const { messages } = await lead.json<Output<'inbox'>>('inbox');
    expect(messages.map(({ task_id }) => task_id)).toEqual(expect.arrayContaining(ids));
    await lead.ok('status');
    await lead.ok('doctor');
  });

  test('may prune, also tasks whose messages are in a queue that it may not read; workers may not', async () => {
    const lead = as('coordinator');
    const [own, other] = [await submitted(), await submitted('r', '--reply-to', 'results.r')];
    await lead.ok('cancel', own, other);
    const prune = ['prune', '--older-than', '0'];
    expect(await as('r').refused(...prune)).toMatchObject({ exit: 26, code: 'denied' });
    const worker = as('r');
    worker.configure({ defaults: { backoff: { base: '50ms', max: '100ms' } }, retention: { older_than: '1ms' } });
    const id = await submitted();
    await worker.workOff('echo fine');
    worker.configure({ defaults: { backoff: { base: '50ms', max: '100ms' } } });
    expect(await lead.ok('result', id)).toBe('fine');
    const counted = await lead.json<Output<'prune'>>(...prune);
    expect(counted.tasks).toBeGreaterThanOrEqual(3);
    for (const one of [own, other, id]) {
      expect(await as('r').refused('status', one)).toMatchObject({
        exit: 3,
        message: expect.stringContaining('was pruned on') as string,
      });
    }
  });

  test('repeats the tasks of its own queue of results, also if it may not read many others', async () => {
    const complete = (id: string) => as('r').ok('complete', id, '--from', 'r', '--summary', 'x');
    for (let n = 0; n < 6; n++) await complete(await submitted('r', '--reply-to', `results.other-${n}`));
    const id = await submitted();
    await complete(id);
    const options = optionsOf('coordinator', { days: 1e-9, bytes: 1e9 });
    // Each command is a process of its own.
    for (let n = 1; n <= 2; n++) {
      const backend = await openBackend(options);
      await backend.inbox('results.coordinator', 100);
      await backend.close();
      const repeats = await repeatedTasks(broker.url, site.names);
      expect(repeats.filter((repeated) => repeated === id)).toHaveLength(n);
    }
  });

  test('may announce a snapshot of the log; workers may not', async () => {
    expect(await as('r').refused('snapshot')).toMatchObject({ exit: 26, code: 'denied' });
    expect(await as('coordinator').json('snapshot')).toEqual({ written: true });
  });

  test('may not claim for a role', async () => {
    const id = await submitted();
    expect(await as('coordinator').refused('claim', '--as', 'r')).toMatchObject({ exit: 26, code: 'denied' });
    await as('coordinator').ok('cancel', id);
  });

  test('may not declare a queue for a role', async () => {
    const { exit, hint } = await as('coordinator').refused('init', '--store', site.store, '--workers', 'painter');
    expect({ exit, hint }).toEqual({ exit: 26, hint: expect.stringContaining('agentq init --definitions') });
  });
});

describe('a worker', { timeout: SLOW }, () => {
  test('may run and end the tasks of its role', async () => {
    const worker = as('r');
    const [done, failed, released] = [await submitted(), await submitted(), await submitted()];
    await worker.workOff(
      `case $AGENTQ_TASK_ID in ${failed}) agentq fail --reason no;; *) agentq progress --percent 5 && echo fine;; esac`,
    );
    expect(await as('coordinator').ok('result', done)).toBe('fine');
    expect(await as('coordinator').wait(failed)).toBe(6);
    expect(await as('coordinator').wait(released)).toBe(0);
    const { messages } = await as('coordinator').json<Output<'inbox'>>('inbox');
    expect(messages.map(({ task_id }) => task_id)).toEqual(expect.arrayContaining([done, failed]));
  });

  test('may fail with a retry, and release its task', async () => {
    const id = await submitted();
    expect(await as('r').claim()).toMatchObject({ task_id: id, attempt: 1 });
    await as('r').ok('fail', id, '--attempt', '1', '--reason', 'try again', '--retry');
    expect(await as('r').claim()).toMatchObject({ task_id: id, attempt: 2 });
    await as('r').ok('release', id, '--attempt', '2');
    expect(await as('r').claim()).toMatchObject({ task_id: id, attempt: 3 });
    await as('r').ok('complete', id, '--attempt', '3', '--summary', 'done');
    expect(await as('coordinator').ok('result', id)).toBe('done');
  });

  test('stops its child after a cancellation', async () => {
    const id = await submitted();
    const worker = as('r').work('touch "$OUT/runs"; sleep 1000 & wait', '--kill-grace', '0s');
    await worker.reported('started', { task_id: id });
    await as('coordinator').ok('cancel', id);
    await worker.reported('cancelled', { task_id: id });
    worker.signal('SIGTERM');
    await worker.finished();
  });

  test('sees expiries of other roles', async () => {
    const id = await submitted('s', '--ttl', '1s');
    await expect.poll(async () => (await as('r').task(id)).status, { timeout: SLOW }).toBe('expired');
    await as('r').ok('status');
    await as('r').ok('list');
    expect(await as('coordinator').wait(id)).toBe(7);
  });

  test('may not submit, cancel, edit, redo or retry', async () => {
    const id = await submitted();
    const failed = await submitted();
    await as('r').ok('fail', failed, '--from', 'r', '--reason', 'no');
    const done = await submitted();
    await as('r').ok('complete', done, '--from', 'r', '--summary', 'x');
    const policy = site.write('policy.json', '{"budgets":[{"role":"s","usd":0}]}');
    for (const command of [
      ['policy', 'apply', policy],
      ['note', 'plan: x'],
      ['submit', '--to', 'r', '--instructions', 'x'],
      ['submit', '--to', 's', '--instructions', 'x'],
      ['submit', '--to', 'r', '--instructions', 'x', '--delay', '1h'],
      ['submit', '--to', 'r', '--id', fresh(), '--instructions', 'x'],
      ['cancel', id],
      ['edit', id, '--priority', 'high'],
      ['redo', done, '--reason', 'x'],
      ['dlq', 'retry', failed],
      ['dlq', 'purge', failed],
    ]) {
      const { exit, code } = await as('r').refused(...command);
      expect({ exit, code }, command.join(' ')).toEqual({ exit: 26, code: 'denied' });
    }
    expect(await as('coordinator').task(id)).toMatchObject({ status: 'queued' });
    expect(await as('coordinator').task(failed)).toMatchObject({ status: 'failed' });
    await as('coordinator').ok('cancel', id);
  });

  test('may wait for work without access to the queues of results', async () => {
    const id = await submitted();
    await as('r').ok('complete', id, '--from', 'r', '--summary', 'x');
    const backend = await openBackend(optionsOf('r', { days: 1e-6, bytes: 1e9 }));
    onTestFinished(() => backend.close());
    const watch = backend.watch({ role: 'r' });
    onTestFinished(() => watch[Symbol.dispose]());
    expect(await backend.claim({ role: 'r', worker: 'r-1', lease: SLOW })).toMatchObject({ task: undefined });
  });

  test('may not end hundreds of tasks at once, and the error names the limit', async () => {
    const ids = Array.from({ length: 101 }, () => fresh());
    const rows = ids.map((task_id) => JSON.stringify({ to: 'r', task_id, instructions: 'x' }));
    await as('coordinator').ok('submit', '--batch', site.write('hundred.jsonl', rows.join('\n')));
    const backend = await openBackend(optionsOf('r'));
    onTestFinished(() => backend.close());
    const complete = (task_id: string) =>
      ({ task_id, command: { type: 'complete', by: 'r', summary: 'x', artifacts: [] } }) satisfies TaskRequest;
    const refused = { code: 'too-large', message: expect.stringContaining('the limit for workers is 100') as string };
    await expect(backend.commit(ids.map(complete))).rejects.toMatchObject(refused);
    expect(await backend.task(ids[0]!)).toMatchObject({ status: 'queued' });
    const outcomes = await backend.commit(ids.slice(1).map(complete));
    expect(outcomes.every(({ changed }) => changed)).toBe(true);
    await as('coordinator').ok('cancel', ids[0]!);
  });

  test('may not change tasks of another role', async () => {
    const id = await submitted('s');
    expect(await as('r').refused('claim', '--as', 's')).toMatchObject({ exit: 26 });
    for (const command of [
      ['complete', id, '--from', 's', '--summary', 'x'],
      ['fail', id, '--from', 's', '--reason', 'x'],
    ])
      expect(await as('r').refused(...command)).toMatchObject({ exit: 26 });
    expect(await as('coordinator').task(id)).toMatchObject({ status: 'queued' });
    expect(await as('s').json('claim', '--as', 's')).toMatchObject({ task_id: id });
    await as('s').ok('complete', id, '--from', 's', '--summary', 'x');
  });
});

describe('without agentq', { timeout: SLOW }, () => {
  /** Whether the broker allows the user to do it. */
  async function may(
    user: User,
    body: (channel: Awaited<ReturnType<ChannelModel['createConfirmChannel']>>) => unknown,
  ) {
    const plain = new URL(urls.get(user)!);
    plain.search = '';
    const connection = await amqplib.connect(plain.href);
    onTestFinished(() => connection.close());
    const channel = await connection.createConfirmChannel();
    const refused = new Promise<false>((resolve) => channel.on('error', () => resolve(false)));
    const done = async () => {
      await body(channel);
      await channel.waitForConfirms();
      // The answer to this arrives after all refusals.
      await channel.checkExchange(site.names.exchange).catch(() => {});
      return true;
    };
    return Promise.race([refused, done().catch(() => false)]);
  }

  const publish = (user: User, exchange: string, key: string) =>
    may(user, (channel) => channel.publish(exchange, key, Buffer.from('x')));
  const read = (user: User, queue: string) => may(user, (channel) => channel.get(queue, { noAck: false }));

  test('a worker may read only the work queue of its role and the log', async () => {
    const { names } = site;
    expect(await read('r', names.work('r'))).toBe(true);
    expect(await read('r', names.work('s'))).toBe(false);
    expect(await read('r', names.results('results.coordinator'))).toBe(false);
    expect(await read('r', names.deadLetters)).toBe(false);
    expect(await read('coordinator', names.results('results.coordinator'))).toBe(true);
    expect(await read('coordinator', names.work('r'))).toBe(false);
  });

  test('a worker may publish entries of its role, but none of a coordinator', async () => {
    const { exchange, tokens } = site.names;
    for (const key of [
      'agentq.event.claimed.r',
      'agentq.event.completed.r',
      'agentq.event.note',
      'results.coordinator',
    ])
      expect(await publish('r', exchange, key), key).toBe(true);
    for (const key of [
      'agentq.event.claimed.s',
      'agentq.event.submitted.r',
      'agentq.event.cancelled.r',
      'agentq.event.retried.r',
      'agentq.event.dismissed.r',
      'agentq.event.claimed.r.s',
      'agentq.work.r.normal',
      'agentq.work.s.normal',
    ])
      expect(await publish('r', exchange, key), key).toBe(false);
    expect(await publish('r', tokens, 'agentq.work.r.normal')).toBe(true);
    expect(await publish('r', tokens, 'agentq.work.s.normal')).toBe(false);
    expect(await publish('r', '', site.names.work('s'))).toBe(false);
    expect(await publish('r', '', site.names.log)).toBe(false);
  });

  test('no user of the queue may declare or delete', async () => {
    const { names } = site;
    for (const user of USERS) {
      expect(await may(user, (channel) => channel.assertQueue(`${names.prefix}.more`))).toBe(false);
      expect(await may(user, (channel) => channel.deleteQueue(names.log))).toBe(false);
      expect(await may(user, (channel) => channel.deleteExchange(names.exchange))).toBe(false);
      expect(await may(user, (channel) => channel.purgeQueue(names.work(user === 'r' ? 's' : 'r')))).toBe(false);
    }
  });

  /** Publishes as a user whose name the broker checks. */
  const publishAs = (user: User, key: string, body: unknown, headers: object = {}) => {
    const userId = `${site.names.prefix}-${user}`;
    const content = Buffer.from(JSON.stringify(body));
    return may(user, (channel) => channel.publish(site.names.exchange, key, content, { userId, headers }));
  };

  test('forged entries of a worker stop no reader, change no tasks of other roles, and are reported with the user', async () => {
    const id = await submitted('s');
    expect(await as('s').claim('--as', 's')).toMatchObject({ task_id: id });
    const before = await as('coordinator').task(id);
    const at = Date.UTC(2200, 0, 1);
    const entry = (more: object) => ({ v: 1, at, roles: [], events: [], ...more });
    const envelope = { task_id: id, from: 'coordinator', to: 'r', type: 'task', priority: 'normal' };
    const task = {
      id,
      envelope: { ...envelope, reply_to: 'results.coordinator' },
      submitted_at: 0,
      updated_at: 0,
      attempts: [],
      forgiven: 0,
      refused: 0,
      status: 'queued',
      ready_at: 0,
    };
    const carried = { v: 1, type: 'carried', task_id: id, at, task };
    for (const [key, body, headers] of [
      ['agentq.event.note', entry({}), { 'agentq-version': FORMAT + 1 }],
      ['agentq.event.note.r', entry({ v: FORMAT + 1 })],
      ['agentq.event.note', entry({ away: { from: at - 6e8, to: at }, seen: { worker: 'ghost', role: 's' } })],
      ['agentq.event.note.r', entry({ away: { from: at - 6e8, to: at }, seen: { worker: 'ghost', role: 's' } })],
      ['agentq.event.carried.r', entry({ events: [carried], roles: ['r'], after: 1e9 })],
    ] as const) {
      expect(await publishAs('r', key, body, headers), key).toBe(true);
    }
    const fresh = site.bare('fresh').with({ AGENTQ_URL: urls.get('coordinator')! });
    await fresh.ok('init', '--store', site.store, '--workers', 'r,s');
    for (const machine of [as('coordinator'), fresh]) {
      expect(await machine.task(id)).toEqual(before);
      const { findings } = await machine.json<Output<'doctor'>>('doctor');
      const user = `user ${site.names.prefix}-r`;
      expect(findings).toContainEqual(
        expect.objectContaining({ severity: 'advice', problem: expect.stringContaining(user) }),
      );
      expect(JSON.stringify(await machine.json('status'))).not.toContain('ghost');
    }
    await as('s').ok('complete', id, '--attempt', '1', '--from', 's', '--summary', 'x');
  });

  test('only a coordinator can stop all readers, and only a coordinator can skip the entry', async () => {
    expect(await publishAs('coordinator', 'agentq.event.cancelled.r', {}, { 'agentq-version': FORMAT + 1 })).toBe(true);
    const { exit, hint } = await as('r').refused('list');
    expect(exit).toBe(19);
    const offset = /--skip (\d+)/.exec(hint!)![1]!;
    expect(await as('r').refused('doctor', '--skip', offset)).toMatchObject({ exit: 26, code: 'denied' });
    expect(await as('coordinator').refused('doctor', '--skip', `${Number(offset) + 1}`)).toMatchObject({ exit: 2 });
    expect(await as('coordinator').refused('list')).toMatchObject({ exit: 19 });
    await as('coordinator').ok('doctor', '--skip', offset);
    for (const user of USERS) await as(user).ok('list');
  });
});
