import { describe, expect, onTestFinished, test } from 'vitest';
import { type CutPoint, startProxy, type TcpProxy } from '../broker/tcp-proxy.ts';
import type { Backend, Outcome } from '../../src/backend/backend.ts';
import type { AgentqError } from '../../src/core/errors.ts';
import {
  ask,
  claimed,
  complete,
  done,
  envelope,
  idsOf,
  nothingToClaim,
  QUEUE,
  ROLE,
  say,
  SECOND,
  sent,
  submit,
  tell,
  typesOf,
} from './contract/say.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { BrokerHand } from './support/broker-hand.ts';

/** No task is given out without its token: where one got lost, a test sees it. */
const tokenGrace = 3_600 * SECOND;

interface Setting {
  readonly harness: AmqpHarness;
  readonly proxy: TcpProxy;
  /** The connection that is cut. */
  readonly here: Backend;
  /** One that is not. */
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

/** Cuts at the point, and heals at once. */
function cutOnce(proxy: TcpProxy, point: CutPoint): Promise<void> {
  return proxy.cutAt(point).then(() => proxy.heal());
}

const point = (
  direction: CutPoint['direction'],
  method: CutPoint['method'],
  deliver: boolean,
  nth = 1,
): readonly [string, CutPoint] => [
  `${deliver ? 'behind' : 'before'} ${method} ${nth} ${direction}`,
  { direction, method, deliver, nth },
];

/** Both sides of each. */
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

const fresh = (id: string) => say(id, { type: 'submit', envelope: envelope(id), fresh: true });

/** That there is one task, and that one worker can bring it to its end. */
async function livesOneLife(backend: Backend, id: string): Promise<void> {
  expect(await idsOf(backend.list({ limit: 10 }))).toEqual([id]);
  expect(await typesOf(backend.history(id))).toEqual(['submitted']);
  expect(await claimed(backend)).toMatchObject({ id, lease: { attempt: 1 } });
  await nothingToClaim(backend, { worker: 'worker-2' });
  await done(backend, complete(id, 1));
  expect(await idsOf(backend.inbox(QUEUE, 10))).toEqual([id]);
}

describe('a submit whose connection is cut and heals makes one task', () => {
  test.for([...connecting, ...appending])('on a connection that is new: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    const cut = cutOnce(proxy, at);
    expect(await tell(here, submit('a'))).toMatchObject({ changed: true, task: { id: 'a', status: 'queued' } });
    await cut;
    await livesOneLife(there, 'a');
    await nothingToClaim(here);
  });

  test.for([...connecting, ...appending])('under an id that was drawn for it: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    const cut = cutOnce(proxy, at);
    expect(await tell(here, fresh('a'))).toMatchObject({ changed: true, task: { id: 'a', status: 'queued' } });
    await cut;
    await livesOneLife(there, 'a');
    await nothingToClaim(here);
  });

  test.for(appending)('on a connection that was busy before: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp();
    await done(here, submit('first'));
    await claimed(here);
    await done(here, complete('first', 1));
    const cut = cutOnce(proxy, at);
    expect(await tell(here, submit('a'))).toMatchObject({ changed: true, task: { id: 'a', status: 'queued' } });
    await cut;
    expect(await typesOf(there.history('a'))).toEqual(['submitted']);
    expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(here);
    expect(await idsOf(there.list({ limit: 10 }))).toEqual(['a', 'first']);
  });
});

describe('a claim whose connection is cut and heals is one attempt', () => {
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

describe('a completion whose connection is cut and heals is one, and its result message arrives', () => {
  const twice = [1, 2].flatMap((nth) => [
    ...around('up', 'basic.publish', nth),
    ...around('down', 'basic.ack', nth),
    ...around('down', 'basic.deliver', nth),
  ]);

  test.for(twice)('where its queue is there: %s', async ([, at]) => {
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
  ])('where its queue is to be made: %s', async ([, at]) => {
    await completes(await setUp(), at);
  });

  async function completes({ harness, proxy, here, there }: Setting, at: CutPoint): Promise<void> {
    await done(here, submit('a'));
    await claimed(here);
    const cut = cutOnce(proxy, at);
    expect(await tell(here, complete('a', 1, { summary: 'done' }))).toMatchObject({
      changed: true,
      task: { status: 'completed', completion: { attempt: 1, summary: 'done' } },
    });
    await cut;
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
    await sent(here);
    expect(await there.inbox(QUEUE, 10)).toEqual([await there.task('a')]);
    const lying = await (await BrokerHand.of(harness)).look(harness.names.results(QUEUE));
    expect(new Set(lying.map(({ text }) => text)).size).toBe(1);
    await (await there.take(QUEUE, 10)).acknowledge();
    expect(await here.inbox(QUEUE, 10)).toEqual([]);
    await nothingToClaim(there);
    expect(await tell(there, complete('a', 1, { summary: 'done' }))).toMatchObject({ changed: false });
  }
});

test('what was shown is taken out, though the connection that held it broke meanwhile', async () => {
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

describe('a cut that does not heal is told within the patience, and leaves nothing half', () => {
  const patience = 1 * SECOND;

  /** What was read back before the cut is a success, whatever becomes of its confirm. */
  const endOf = (command: Promise<string>) =>
    command.catch((error: unknown) => {
      expect(error).toMatchObject({ name: 'AgentqError', message: expect.any(String), hint: expect.any(String) });
      return (error as AgentqError).code;
    });

  /** What the task may be afterwards: only where nothing was sent is it known to be as it was. */
  function leaves<S>(answer: string, before: S, after: S): readonly S[] {
    if (answer === 'unreachable') return [before];
    expect(answer).toBeOneOf(['outcome-unknown', after]);
    return answer === after ? [after] : [before, after];
  }

  test.for([...connecting, ...appending])('of a submit, which can be said again: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp({ patience });
    const cut = proxy.cutAt(at);
    const answer = await endOf(tell(here, submit('a')).then(({ task }) => task!.status));
    await cut;
    const known = await there.task('a');
    expect(known?.status).toBeOneOf(leaves(answer, undefined, 'queued'));
    await proxy.heal();
    expect(await tell(here, submit('a'))).toMatchObject({ task: { id: 'a', status: 'queued' } });
    await livesOneLife(there, 'a');
    await nothingToClaim(here);
  });

  test.for(appending)('of a claim: %s', async ([, at]) => {
    const { proxy, here, there } = await setUp({ patience });
    await done(there, submit('a'));
    await here.task('a');
    const cut = proxy.cutAt(at);
    const answer = await endOf(here.claim(ask()).then(({ task }) => task!.status));
    await cut;
    const task = await there.task('a');
    expect(task?.status).toBeOneOf(leaves(answer, 'queued', 'working'));
    expect(task?.attempts).toHaveLength(task?.status === 'working' ? 1 : 0);
    if (task?.status === 'queued') expect(await claimed(there)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    await nothingToClaim(there);
    await done(there, complete('a', 1));
  });

  test.for(appending)('of a completion, whose result message others send: %s', async ([, at]) => {
    const { harness, proxy, here, there } = await setUp({ patience });
    await done(here, submit('a'));
    await claimed(here);
    const cut = proxy.cutAt(at);
    // Where it is known to have happened, that its message could not be sent is no failure.
    const answer = await endOf(tell(here, complete('a', 1)).then(({ task }) => task!.status));
    await cut;
    const before = await there.task('a');
    expect(before?.status).toBeOneOf(leaves(answer, 'working', 'completed'));
    const again: Outcome = await tell(there, complete('a', 1));
    expect(again).toMatchObject({ changed: before?.status === 'working', task: { status: 'completed' } });
    harness.clock.advance(10 * SECOND);
    expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['a']);
    expect(await typesOf(there.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
  });
});
