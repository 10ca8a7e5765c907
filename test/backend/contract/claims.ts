import { expect } from 'vitest';
import type { Theme } from './harness.ts';
import { cancel, claimed, complete, done, LEASE, nothingToClaim, release, ROLE, SECOND, submit } from './say.ts';

/** Who gets which task, one after another. */
export const claims: Theme = (check) => {
  check('a claim gives the task under a lease of the length that was asked for', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    clock.advance(SECOND);
    const task = await claimed(backend, { worker: 'worker-7', lease: 90 * SECOND });
    expect(task).toMatchObject({
      id: 'a',
      status: 'working',
      lease: { attempt: 1, worker: 'worker-7', expires_at: clock.now() + 90 * SECOND },
      attempts: [{ number: 1, worker: 'worker-7', started_at: clock.now() }],
    });
    expect(await backend.task('a')).toEqual(task);
  });

  check('an empty queue gives nothing, and says that nothing waits', async ({ open }) => {
    const backend = await open();
    expect((await nothingToClaim(backend)).next_due).toBeUndefined();
    await done(backend, submit('a'), complete('a'), submit('b'), cancel('b'));
    expect((await nothingToClaim(backend)).next_due).toBeUndefined();
  });

  check('the highest priority comes first, and within one the oldest', async ({ open, clock }) => {
    const backend = await open();
    const submitted = [
      ['low-1', 'low'],
      ['normal-1', 'normal'],
      ['high-1', 'high'],
      ['low-2', 'low'],
      ['high-2', 'high'],
      ['normal-2', 'normal'],
      ['high-3', 'high'],
    ] as const;
    for (const [id, priority] of submitted) {
      await done(backend, submit(id, { priority }));
      clock.advance(SECOND);
    }
    const order: string[] = [];
    for (const _ of submitted) order.push((await claimed(backend)).id);
    expect(order).toEqual(['high-1', 'high-2', 'high-3', 'normal-1', 'normal-2', 'low-1', 'low-2']);
  });

  check('tasks of one moment and one priority are given in the order of their submits', async ({ open }) => {
    const backend = await open();
    const ids = Array.from({ length: 20 }, (_, n) => `t${(n * 7) % 20}`);
    await backend.commit(ids.slice(0, 10).map((id) => submit(id)));
    for (const id of ids.slice(10)) await done(backend, submit(id));
    const order: string[] = [];
    for (const _ of ids) order.push((await claimed(backend)).id);
    expect(order).toEqual(ids);
  });

  check('connections that take turns share one order', async ({ open }) => {
    const connections = [await open(), await open(), await open()];
    const ids = Array.from({ length: 12 }, (_, n) => `t${n}`);
    for (const [n, id] of ids.entries()) await done(connections[n % 3]!, submit(id));
    const order: string[] = [];
    for (const [n] of ids.entries()) order.push((await claimed(connections[(n + 1) % 3]!)).id);
    expect(order).toEqual(ids);
    for (const connection of connections) await nothingToClaim(connection);
  });

  check("another role's tasks are neither given nor touched", async ({ open }) => {
    const backend = await open();
    const theirs = await done(backend, submit('theirs', { to: 'reviewer', priority: 'high' }));
    await nothingToClaim(backend);
    await done(backend, submit('ours'));
    expect((await claimed(backend)).id).toBe('ours');
    await nothingToClaim(backend);
    expect(await backend.task('theirs')).toEqual(theirs);
    expect((await claimed(backend, { role: 'reviewer' })).id).toBe('theirs');
  });

  check('roles that begin alike, or differ in case, are different roles', async ({ open }) => {
    const backend = await open();
    for (const to of ['a', 'ab', 'a-b', 'a_b', 'A']) await done(backend, submit(`for-${to}`, { to }));
    for (const role of ['a_b', 'ab', 'A', 'a-b', 'a']) {
      expect((await claimed(backend, { role })).id).toBe(`for-${role}`);
      await nothingToClaim(backend, { role });
    }
  });

  check('a task that is held, over, cancelled or not due is not given', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('held'));
    await claimed(backend);
    await done(backend, submit('over'), complete('over'), submit('gone'), cancel('gone'));
    await done(backend, submit('later', { delay_seconds: 3_600 }));
    await nothingToClaim(backend);
  });

  check('one worker may hold several tasks, and ends each by itself', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    await claimed(backend);
    await done(backend, complete('b', 1), release('a', 1));
    expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
  });

  check('what one connection has done the others know at once', async ({ open }) => {
    const here = await open();
    const there = await open();
    const task = await done(here, submit('a'));
    expect(await there.task('a')).toEqual(task);
    const held = await claimed(there, { lease: LEASE });
    expect(await here.task('a')).toEqual(held);
    await nothingToClaim(here);
    const over = await done(here, complete('a', 1));
    expect(await there.task('a')).toEqual(over);
    expect(await there.list({ role: ROLE, statuses: ['completed'], limit: 1 })).toEqual([over]);
  });
};
