import { expect } from 'vitest';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  done,
  LEASE,
  nothingToClaim,
  release,
  ROLE,
  SECOND,
  submit,
} from './checked-requests.ts';

/** Which task a claim returns. The claims of these tests follow each other. */
export const claims: Theme = (check) => {
  check('a claim returns the task with a lease of the requested length', async ({ open, clock }) => {
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

  check('a claim on a queue without waiting tasks returns no task and no next time', async ({ open }) => {
    const backend = await open();
    expect((await nothingToClaim(backend)).next_due).toBeUndefined();
    await done(backend, submit('a'), complete('a'), submit('b'), cancel('b'));
    expect((await nothingToClaim(backend)).next_due).toBeUndefined();
  });

  check('a claim returns the task with the highest priority, and of these the oldest', async ({ open, clock }) => {
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

  check('claims return tasks with equal time and priority in the order of their submits', async ({ open }) => {
    const backend = await open();
    const ids = Array.from({ length: 20 }, (_, n) => `t${(n * 7) % 20}`);
    await backend.commit(ids.slice(0, 10).map((id) => submit(id)));
    for (const id of ids.slice(10)) await done(backend, submit(id));
    const order: string[] = [];
    for (const _ of ids) order.push((await claimed(backend)).id);
    expect(order).toEqual(ids);
  });

  check('connections that submit and claim in turn see one order of tasks', async ({ open }) => {
    const connections = [await open(), await open(), await open()];
    const ids = Array.from({ length: 12 }, (_, n) => `t${n}`);
    for (const [n, id] of ids.entries()) await done(connections[n % 3]!, submit(id));
    const order: string[] = [];
    for (const [n] of ids.entries()) order.push((await claimed(connections[(n + 1) % 3]!)).id);
    expect(order).toEqual(ids);
    for (const connection of connections) await nothingToClaim(connection);
  });

  check('a claim neither returns nor changes a task of another role', async ({ open }) => {
    const backend = await open();
    const reviewed = await done(backend, submit('for-reviewer', { to: 'reviewer', priority: 'high' }));
    await nothingToClaim(backend);
    await done(backend, submit('for-coder'));
    expect((await claimed(backend)).id).toBe('for-coder');
    await nothingToClaim(backend);
    expect(await backend.task('for-reviewer')).toEqual(reviewed);
    expect((await claimed(backend, { role: 'reviewer' })).id).toBe('for-reviewer');
  });

  check('roles with a common beginning, or that differ only in case, are different roles', async ({ open }) => {
    const backend = await open();
    for (const to of ['a', 'ab', 'a-b', 'a_b', 'A']) await done(backend, submit(`for-${to}`, { to }));
    for (const role of ['a_b', 'ab', 'A', 'a-b', 'a']) {
      expect((await claimed(backend, { role })).id).toBe(`for-${role}`);
      await nothingToClaim(backend, { role });
    }
  });

  check('a claim does not return a task that is leased, completed, cancelled or not due', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('held'));
    await claimed(backend);
    await done(backend, submit('completed'), complete('completed'), submit('cancelled'), cancel('cancelled'));
    await done(backend, submit('later', { delay_seconds: 3_600 }));
    await nothingToClaim(backend);
  });

  check('one worker may hold several tasks and end them one by one', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    await claimed(backend);
    await done(backend, complete('b', 1), release('a', 1));
    expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
  });

  check('the other connections see a change of one connection at once', async ({ open }) => {
    const here = await open();
    const there = await open();
    const task = await done(here, submit('a'));
    expect(await there.task('a')).toEqual(task);
    const held = await claimed(there, { lease: LEASE });
    expect(await here.task('a')).toEqual(held);
    await nothingToClaim(here);
    const completed = await done(here, complete('a', 1));
    expect(await there.task('a')).toEqual(completed);
    expect(await there.list({ role: ROLE, statuses: ['completed'], limit: 1 })).toEqual([completed]);
  });
};
