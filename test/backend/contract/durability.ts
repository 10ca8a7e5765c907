import { expect } from 'vitest';
import type { Backend } from '../../../src/backend/backend.ts';
import type { Clock, Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  dismiss,
  done,
  everything,
  evidence,
  fail,
  LEASE,
  MINUTE,
  QUEUE,
  refused,
  release,
  renew,
  retry,
  submit,
} from './checked-requests.ts';

/** Answers stay the same after all connections were closed and a new one was opened. */
export const durability: Theme = (check) => {
  check('all answers are the same after the last connection was closed and a new one was opened', async (harness) => {
    const first = await harness.open();
    await changesOfEveryKind(first, harness.clock);
    const before = await everything(first);
    await first.close();
    const second = await harness.open();
    expect(await everything(second)).toEqual(before);
    expect(await second.audit(false)).toEqual([]);
  });

  check('work continues after a close where it stopped', async ({ open, clock }) => {
    const first = await open();
    await done(first, submit('a'), submit('b', { delay_seconds: 60 }), submit('c', { priority: 'high' }));
    await claimed(first);
    await done(first, submit('d'), complete('d'));
    await first.close();
    const second = await open();
    await done(second, renew('c', 1));
    expect((await claimed(second)).id).toBe('a');
    await refused(second, submit('a', { instructions: 'something else' }), 'conflict');
    const inbox = await second.take(QUEUE, 10);
    expect(inbox.tasks.map((task) => task.id)).toEqual(['d']);
    await inbox.acknowledge();
    await second.close();
    clock.advance(MINUTE);
    const third = await open();
    expect(await third.inbox(QUEUE, 10)).toEqual([]);
    expect((await claimed(third)).id).toBe('b');
    await done(third, complete('c', 1));
  });

  check('a lease and a TTL end also while no connection is open', async ({ open, clock }) => {
    const first = await open();
    await done(first, submit('held'));
    await claimed(first);
    await done(first, submit('late', { ttl_seconds: 60 }));
    await first.close();
    clock.advance(LEASE);
    const second = await open();
    expect(await claimed(second)).toMatchObject({ id: 'held', lease: { attempt: 2 } });
    expect(await second.task('late')).toMatchObject({ status: 'expired' });
  });

  check('closing a connection does not affect the other connections', async ({ open }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'));
    await here.close();
    expect(await claimed(there)).toMatchObject({ id: 'a' });
    await done(there, complete('a', 1));
  });

  check('after many kinds of changes an audit finds no error, and a repair changes nothing', async (harness) => {
    const backend = await harness.open();
    await changesOfEveryKind(backend, harness.clock);
    const before = await everything(backend);
    expect(await backend.audit(false)).toEqual([]);
    expect(await backend.audit(true)).toEqual([]);
    expect(await everything(backend)).toEqual(before);
  });

  check('an audit finds nothing in an empty queue', async ({ open }) => {
    expect(await (await open()).audit(true)).toEqual([]);
  });
};

/** Makes changes of every kind. */
async function changesOfEveryKind(backend: Backend, clock: Clock): Promise<void> {
  const backoff = { base: MINUTE, factor: 2, max: LEASE, jitter: 0 };
  await backend.commit(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => submit(id)));
  await done(backend, submit('expired', { ttl_seconds: 60 }), submit('late', { delay_seconds: 60 }));
  await done(backend, submit('later', { delay_seconds: 86_400 }), submit('other', { to: 'reviewer' }));
  for (const worker of ['w1', 'w2', 'w3', 'w4', 'w5', 'w6']) await claimed(backend, { worker });
  await done(backend, renew('a', 1, { percent: 5, note: 'begun' }));
  await done(backend, complete('a', 1, { summary: 'done', result: evidence('result'), artifacts: [evidence('log')] }));
  await refused(backend, complete('a', 1, { summary: 'other' }), 'conflict');
  await done(backend, fail('b', 1), fail('c', 1, { backoff }), release('d', 1), cancel('e'), fail('g'));
  await done(backend, dismiss('b'), retry('g'));
  clock.advance(LEASE);
  await backend.claim({ role: 'coder', worker: 'w7', lease: LEASE });
  await backend.commit([submit('undone'), submit('a', { instructions: 'something else' })]);
}
