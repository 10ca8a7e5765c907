import { describe, expect, onTestFinished, test } from 'vitest';
import { type CutPoint, startProxy, type TcpProxy } from '../broker/tcp-proxy.ts';
import type { Backend, Outcome } from '../../src/backend/backend.ts';
import type { AgentqError } from '../../src/core/errors.ts';
import {
  claimRequest,
  claimed,
  complete,
  done,
  envelope,
  idsOf,
  nothingToClaim,
  QUEUE,
  ROLE,
  requestOf,
  SECOND,
  untilSent,
  submit,
  commitOne,
  typesOf,
} from './contract/checked-requests.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { PlainClient } from './support/plain-client.ts';

/** So long that a claim needs the token: a test fails if a token is lost. */
const tokenGrace = 3_600 * SECOND;

interface Setting {
  readonly harness: AmqpHarness;
  readonly proxy: TcpProxy;
  /** The connection that is cut. */
  readonly here: Backend;
  /** A connection that is not cut. */
  readonly there: Backend;
}

async function setUp({ patience = 20 * SECOND } = {}): Promise<Setting> {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  const url = new URL(harness.url);
  const proxy = await startProxy(Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = `${proxy.port}`;
  onTestFinished(async () => {
    await proxy.heal();
    await harness.close();
    await proxy.close();
  });
  const here = await harness.openWith(harness.options({ patience, tokenGrace }, url.href));
  const there = await harness.openWith(harness.options({ tokenGrace }));
  return { harness, proxy, here, there };
}

/** Cuts the connection at this point and heals it at once. */
function cutOnce(proxy: TcpProxy, point: CutPoint): Promise<void> {
  return proxy.cutAt(point).then(() => proxy.heal());
}

const point = (
  direction: CutPoint['direction'],
  method: CutPoint['method'],
  deliver: boolean,
  nth = 1,
): readonly [string, CutPoint] => [
  `${deliver ? 'after' : 'before'} ${method} ${nth} ${direction}`,
  { direction, method, deliver, nth },
];

/** A cut before the method, and a cut after it. */
const around = (direction: CutPoint['direction'], method: CutPoint['method'], nth = 1) => [
  point(direction, method, false, nth),
  point(direction, method, true, nth),
];

const connecting = [
  ...around('up', 'connection.open'),
  ...around('up', 'channel.open'),
  ...around('up', 'confirm.select'),
  ...around('up', 'basic.consume'),
  ...around('down', 'basic.consume-ok'),
];
const appending = [
  ...around('up', 'basic.publish'),
  ...around('down', 'basic.ack'),
  ...around('down', 'basic.deliver'),
];

const fresh = (id: string) => requestOf(id, { type: 'submit', envelope: envelope(id), fresh: true });

/** Checks that there is one task, and that one worker can claim and complete it. */
async function isClaimedOnce(backend: Backend, id: string): Promise<void> {
  expect(await idsOf(backend.list({ limit: 10 }))).toEqual([id]);
  expect(await typesOf(backend.history(id))).toEqual(['submitted']);
  expect(await claimed(backend)).toMatchObject({ id, lease: { attempt: 1 } });
  await nothingToClaim(backend, { worker: 'worker-2' });
  await done(backend, complete(id, 1));
  expect(await idsOf(backend.inbox(QUEUE, 10))).toEqual([id]);
}

describe('a submit whose connection is cut and healed creates one task', () => {
  test.for([...connecting, ...appending])('on a new connection: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    const cut = cutOnce(proxy, at);
    expect(await commitOne(here, submit('a'))).toMatchObject({ changed: true, task: { id: 'a', status: 'queued' } });
    await cut;
    await isClaimedOnce(there, 'a');
    await nothingToClaim(here);
  });

  test.for([...connecting, ...appending])('under a fresh id: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    const cut = cutOnce(proxy, at);
    expect(await commitOne(here, fresh('a'))).toMatchObject({ changed: true, task: { id: 'a', status: 'queued' } });
    await cut;
    await isClaimedOnce(there, 'a');
    await nothingToClaim(here);
  });

  test.for(appending)('on a connection that was used before: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    await done(here, submit('first'));
    await claimed(here);
    await done(here, complete('first', 1));
    const cut = cutOnce(proxy, at);
    expect(await commitOne(here, submit('a'))).toMatchObject({ changed: true, task: { id: 'a', status: 'queued' } });
    await cut;
    expect(await typesOf(there.history('a'))).toEqual(['submitted']);
    expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(here);
    expect(await idsOf(there.list({ limit: 10 }))).toEqual(['a', 'first']);
  });
});

describe('a claim whose connection is cut and healed is one attempt', () => {
  test.for([
    ...around('up', 'basic.get'),
    ...around('down', 'basic.get-ok'),
    ...appending,
    ...around('up', 'basic.ack', 1),
    ...around('up', 'basic.ack', 2),
  ])('%s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    await done(there, submit('a'));
    await here.task('a');
    const cut = cutOnce(proxy, at);
    expect(await claimed(here, { worker: 'here' })).toMatchObject({ id: 'a', lease: { attempt: 1, worker: 'here' } });
    await cut;
    await nothingToClaim(there);
    await nothingToClaim(here);
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed']);
    expect(await there.task('a')).toMatchObject({ status: 'working', attempts: [{ worker: 'here' }] });
    await done(here, complete('a', 1));
    expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['a']);
  });
});

describe('a completion whose connection is cut and healed is recorded once, and its result message arrives', () => {
  const twice = [1, 2].flatMap((nth) => [
    ...around('up', 'basic.publish', nth),
    ...around('down', 'basic.ack', nth),
    ...around('down', 'basic.deliver', nth),
  ]);

  test.for(twice)('if its queue exists: %s', async ([, at]) => {
    const setting = await setUp();
    await done(setting.there, submit('other'));
    await done(setting.there, complete('other'));
    await (await setting.there.take(QUEUE, 10)).acknowledge();
    await completes(setting, at);
  });

  test.for([
    ...twice,
    ...around('down', 'basic.return'),
    ...around('up', 'queue.declare'),
    ...around('up', 'queue.bind'),
  ])('if its queue must be declared: %s', async ([, at]) => {
    await completes(await setUp(), at);
  });

  async function completes({ harness, proxy, here, there }: Setting, at: CutPoint): Promise<void> {
    await done(here, submit('a'));
    await claimed(here);
    const cut = cutOnce(proxy, at);
    expect(await commitOne(here, complete('a', 1, { summary: 'done' }))).toMatchObject({
      changed: true,
      task: { status: 'completed', completion: { attempt: 1, summary: 'done' } },
    });
    await cut;
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
    await untilSent(here);
    expect(await there.inbox(QUEUE, 10)).toEqual([await there.task('a')]);
    const messages = await (await PlainClient.of(harness)).peek(harness.names.results(QUEUE));
    expect(new Set(messages.map(({ text }) => text)).size).toBe(1);
    await (await there.take(QUEUE, 10)).acknowledge();
    expect(await here.inbox(QUEUE, 10)).toEqual([]);
    await nothingToClaim(there);
    expect(await commitOne(there, complete('a', 1, { summary: 'done' }))).toMatchObject({ changed: false });
  }
});

test('an acknowledgement removes the messages also if the connection that took them was cut', async () => {
  const { proxy, here, there } = await setUp();
  await done(there, submit('a'), complete('a'), submit('b'), complete('b'));
  const taken = await here.take(QUEUE, 1);
  expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['b']);
  await proxy.cut();
  await proxy.heal();
  await taken.acknowledge();
  expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['b']);
  await taken.release();
  await (await here.take(QUEUE, 10)).release();
  expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['b']);
});

describe('a cut that does not heal is reported within the patience, and each command has its full effect or none', () => {
  const patience = 1 * SECOND;

  /** A command whose entry was read back from the log has succeeded, also without a confirm of the publish. */
  const endOf = (command: Promise<string>) =>
    command.catch((error: unknown) => {
      expect(error).toMatchObject({ name: 'AgentqError', message: expect.any(String), hint: expect.any(String) });
      return (error as AgentqError).code;
    });

  /** The possible states after the cut. After `unreachable` nothing was sent, so the state is unchanged. */
  function leaves<S>(answer: string, before: S, after: S): readonly S[] {
    if (answer === 'unreachable') return [before];
    expect(answer).toBeOneOf(['outcome-unknown', after]);
    return answer === after ? [after] : [before, after];
  }

  test.for([...connecting, ...appending])('of a submit, which can be repeated: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp({ patience });
    const cut = proxy.cutAt(at);
    const answer = await endOf(commitOne(here, submit('a')).then(({ task }) => task!.status));
    await cut;
    const known = await there.task('a');
    expect(known?.status).toBeOneOf(leaves(answer, undefined, 'queued'));
    await proxy.heal();
    expect(await commitOne(here, submit('a'))).toMatchObject({ task: { id: 'a', status: 'queued' } });
    await isClaimedOnce(there, 'a');
    await nothingToClaim(here);
  });

  test.for(appending)('of a claim: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp({ patience });
    await done(there, submit('a'));
    await here.task('a');
    const cut = proxy.cutAt(at);
    const answer = await endOf(here.claim(claimRequest()).then(({ task }) => task!.status));
    await cut;
    const task = await there.task('a');
    expect(task?.status).toBeOneOf(leaves(answer, 'queued', 'working'));
    expect(task?.attempts).toHaveLength(task?.status === 'working' ? 1 : 0);
    if (task?.status === 'queued') expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(there);
    await done(there, complete('a', 1));
  });

  test.for(appending)('of a completion, whose result message another process sends: %s', async ([, at]) => {
    const { harness, proxy, here, there } = await setUp({ patience });
    await done(here, submit('a'));
    await claimed(here);
    const cut = proxy.cutAt(at);
    // A completion that is recorded has succeeded, also if its message could not be sent.
    const answer = await endOf(commitOne(here, complete('a', 1)).then(({ task }) => task!.status));
    await cut;
    const before = await there.task('a');
    expect(before?.status).toBeOneOf(leaves(answer, 'working', 'completed'));
    const again: Outcome = await commitOne(there, complete('a', 1));
    expect(again).toMatchObject({ changed: before?.status === 'working', task: { status: 'completed' } });
    harness.clock.advance(10 * SECOND);
    expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['a']);
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
  });
});
