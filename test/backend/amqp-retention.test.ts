import amqplib from 'amqplib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import {
  claimed,
  complete,
  done,
  fail,
  idsOf,
  MINUTE,
  nothingToClaim,
  QUEUE,
  redo,
  refused,
  ROLE,
  submit,
  commitOne,
  typesOf,
} from './contract/checked-requests.ts';
import { SUCCESSOR } from '../core/counters.ts';
import { countingMachine } from './support/counting-machine.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { repeatedTasks } from './support/repeated-tasks.ts';

const DAY = 24 * 60 * MINUTE;

/** A log so short that a test can fill it. */
const SHORT = { days: 30, bytes: 1_000_000 };

async function harness(retention = SHORT): Promise<AmqpHarness> {
  const made = await makeAmqpHarness({ retention });
  onTestFinished(() => made.close());
  return made;
}

/** Enough bytes that a broker drops the beginning. LavinMQ drops segments of 8 MiB, but not the current one. */
const FULL = 20_000_000;

/** Opens a connection on a machine that has not read this log before. */
const elsewhere = (made: AmqpHarness, retention = SHORT): Promise<Backend> =>
  made.openWith(made.options({ retention }));

/** Fills the log until the broker drops its previous entries. */
async function fill({ names }: AmqpHarness, bytes: number): Promise<void> {
  const connection = await amqplib.connect(amqpUrl());
  const channel = await connection.createConfirmChannel();
  const noise = Buffer.alloc(20_000, 'x');
  for (let sent = 0; sent < bytes; sent += noise.length) {
    channel.publish(names.exchange, 'agentq.event.noise', noise, { persistent: true });
  }
  await channel.waitForConfirms();
  await connection.close();
}

/** The log grows, a process reads it from time to time, and the broker drops the beginning. */
async function growFor(days: number, made: AmqpHarness, reader: Backend): Promise<void> {
  for (let n = 0; n < 15; n++) {
    await fill(made, FULL / 15);
    made.clock.advance((days * DAY) / 15);
    await reader.inbox(QUEUE, 10);
  }
}

/** How many messages are in a result queue. */
async function waitingIn({ names }: AmqpHarness, replyTo: string): Promise<number> {
  const connection = await amqplib.connect(amqpUrl());
  const channel = await connection.createChannel();
  const { messageCount } = await channel.checkQueue(names.results(replyTo));
  await connection.close();
  return messageCount;
}

describe('a task whose entries the log has dropped', () => {
  test('is the same on a new machine as on an old one, if it is open or a dead letter', async () => {
    const made = await harness();
    const old = await elsewhere(made);
    await done(old, submit('over'), complete('over'));
    await done(old, submit('held'));
    await claimed(old, { lease: 90 * DAY });
    await done(old, submit('dead'), fail('dead'));
    await done(old, submit('later', { delay_seconds: 86_400 }), submit('open', { priority: 'high' }));
    await growFor(40, made, old);

    const fresh = await elsewhere(made);
    expect((await idsOf(fresh.list({ limit: 10 }))).toSorted()).toEqual(['dead', 'held', 'later', 'open', 'over']);
    for (const id of ['dead', 'held', 'later', 'open', 'over'])
      expect(await fresh.task(id)).toEqual(await old.task(id));
    expect(await typesOf(fresh.history('held'))).toEqual(['carried']);
    expect(await typesOf(old.history('held'))).toEqual(['submitted', 'claimed']);
    expect(await fresh.audit(false)).toEqual([]);
    // A repeated submit of an id that is still known creates no second task.
    expect(await commitOne(fresh, submit('open', { priority: 'high' }))).toMatchObject({ changed: false });
    // The message of the dead letter still waits: it is not sent again, and no machine treats it as outdated.
    for (const machine of [fresh, old, fresh]) expect(await idsOf(machine.inbox(QUEUE, 10))).toEqual(['over', 'dead']);
    expect(await waitingIn(made, QUEUE)).toBe(2);
    // So does the message of the completed task, until a machine has taken it: no machine repeats the task after that.
    await (await fresh.take(QUEUE, 1)).acknowledge();
    expect(await waitingIn(made, QUEUE)).toBe(1);
    expect(await idsOf(old.inbox(QUEUE, 10))).toEqual(['dead']);
    expect((await claimed(fresh)).id).toBe('open');
    expect(await done(fresh, complete('held', 1))).toMatchObject({ status: 'completed' });
    expect(await old.task('held')).toMatchObject({ status: 'completed' });
  });

  test('has the same consequences for things of another kind on a new machine as on an old one', async () => {
    const made = await harness();
    const old = countingMachine(made, { retention: SHORT });
    await done(old.backend, submit('over'), complete('over'));
    await done(old.backend, submit('held'));
    await claimed(old.backend, { lease: 90 * DAY });
    await (await old.backend.take(QUEUE, 10)).acknowledge();
    await growFor(40, made, old.backend);
    expect(old.things()).toEqual([{ kind: 'counter', id: ROLE, state: { ids: ['over'] } }]);

    const fresh = countingMachine(made, { retention: SHORT });
    expect(await idsOf(fresh.backend.list({ limit: 10 }))).toEqual(['held']);
    expect(fresh.things()).toEqual(old.things());
    // A reaction to a reaction reads what the log has repeated.
    await done(fresh.backend, complete('held', 1), submit('next'), complete('next'));
    await old.backend.counts();
    expect(old.things()).toMatchObject([{ kind: 'badge' }, { state: { ids: ['over', 'held', 'next'] } }]);
    expect(fresh.things()).toEqual(old.things());

    // An entry that relies on the end of a task says how it ended, and a machine that does not know it says nothing.
    const successor = { type: SUCCESSOR, instructions: 'over' };
    await refused(fresh.backend, submit('s', successor), 'not-found');
    await done(old.backend, submit('s', successor));
    await fresh.backend.counts();
    expect(fresh.things()).toMatchObject([{}, { state: { ids: ['over', 'held', 'next', 'before-s'] } }]);
    expect(fresh.things()).toEqual(old.things());
    expect((await claimed(fresh.backend)).id).toBe('s');
  });

  test('is repeated by a machine that knows it only from a repeat, as long as its result message waits', async () => {
    const made = await harness();
    const first = await elsewhere(made);
    await done(first, submit('over'), complete('over'));
    await growFor(40, made, first);
    await first.close();
    const second = await elsewhere(made);
    expect(await typesOf(second.history('over'))).toEqual(['carried']);
    await growFor(40, made, second);
    expect(await idsOf((await elsewhere(made)).inbox(QUEUE, 10))).toEqual(['over']);
  });

  test('is not repeated after its result message was taken', async () => {
    const made = await harness();
    const old = await elsewhere(made);
    await done(old, submit('over'), complete('over'));
    await (await old.take(QUEUE, 10)).acknowledge();
    await growFor(40, made, old);
    const fresh = await elsewhere(made);
    expect(await fresh.task('over')).toBeUndefined();
    expect(await old.task('over')).toMatchObject({ status: 'completed' });
    // It is repeated before it is done again, so that the machine which does not know it follows.
    await done(old, redo('over', 'its result was lost'));
    expect(await claimed(fresh)).toMatchObject({ id: 'over', lease: { attempt: 2 } });
    expect(await fresh.task('over')).toEqual(await old.task('over'));
  });

  test('keeps its unread result message in the queue if no machine has looked at it in time', async () => {
    const made = await harness();
    const old = await elsewhere(made);
    await done(old, submit('over'), complete('over'));
    await fill(made, FULL);
    const fresh = await elsewhere(made);
    expect(await fresh.inbox(QUEUE, 10)).toEqual([]);
    expect(await idsOf(old.inbox(QUEUE, 10))).toEqual(['over']);
  });
});

describe('an open task', () => {
  test('is repeated in the log once in each third of the retention time, also if several processes read the log', async () => {
    const made = await harness({ days: 30, bytes: 1e9 });
    const connections = [await elsewhere(made), await elsewhere(made)];
    const [first] = connections as [Backend];
    await done(first, submit('a', { delay_seconds: 100 * 86_400 }));
    const repeats = async () => {
      for (const one of connections) await nothingToClaim(one);
      return (await repeatedTasks(amqpUrl(), made.names)).length;
    };
    made.clock.advance(9 * DAY);
    expect(await repeats()).toBe(0);
    made.clock.advance(2 * DAY);
    expect(await repeats()).toBe(1);
    expect(await repeats()).toBe(1);
    made.clock.advance(11 * DAY);
    expect(await repeats()).toBe(2);
    expect(await typesOf(first.history('a'))).toEqual(['submitted']);
  });
});

test('a coordinator that only looks repeats notes and tasks, once for all its questions', async () => {
  const made = await harness({ days: 30, bytes: 1e9 });
  const backend = await elsewhere(made);
  const note = { type: 'note', id: 'plan', text: 'first a', by: 'lead' } as const;
  await backend.commit([{ about: { kind: 'note', id: 'plan' }, command: note }]);
  await done(backend, submit('a', { delay_seconds: 100 * 86_400 }));
  const questions = [
    () => backend.counts(),
    () => backend.ended({ from: 'lead', limit: 1 }),
    () => backend.things('note'),
    () => backend.list({ limit: 1 }),
  ];
  const repeats: string[] = [];
  for (const ask of questions) {
    made.clock.advance(11 * DAY);
    for (let n = 0; n < 2; n++) await ask();
    repeats.push('plan', 'a');
    expect(await repeatedTasks(amqpUrl(), made.names)).toEqual(repeats);
  }
});
