import { expect } from 'vitest';
import type { Backend, RoleCount } from '../../../src/backend/backend.ts';
import type { Status } from '../../../src/core/task/task.ts';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  dismiss,
  done,
  fail,
  MINUTE,
  nothingToClaim,
  retry,
  submit,
} from './checked-requests.ts';

const none: Readonly<Record<Status, number>> = {
  queued: 0,
  scheduled: 0,
  working: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
};

/** The counts of a queue, for monitoring. */
export const counts: Theme = (check) => {
  check('the counts of an empty queue are empty', async ({ open }) => {
    const backend = await open();
    expect(await backend.counts()).toEqual({ roles: [], workers: [], dead: 0 });
  });

  check('the tasks of a role are counted by their status', async ({ open, clock }) => {
    const backend = await open();
    for (const n of [1, 2, 3]) await done(backend, submit(`failed-${n}`), fail(`failed-${n}`));
    await done(backend, submit('expired', { ttl_seconds: 60 }));
    clock.advance(MINUTE);
    await done(backend, submit('completed'), complete('completed'), submit('cancelled'), cancel('cancelled'));
    await done(backend, submit('working'));
    await claimed(backend);
    await done(backend, submit('queued'), submit('scheduled', { delay_seconds: 3_600 }));
    await done(backend, submit('other', { to: 'reviewer' }), submit('other-2', { to: 'reviewer' }));
    expect((await role(backend, 'coder')).tasks).toEqual({
      queued: 1,
      scheduled: 1,
      working: 1,
      completed: 1,
      failed: 3,
      cancelled: 1,
      expired: 1,
    });
    expect((await role(backend, 'reviewer')).tasks).toEqual({ ...none, queued: 2 });
    expect((await backend.counts()).roles).toHaveLength(2);
  });

  check('the counts of a role contain the time at which its next scheduled task is due', async ({ open, clock }) => {
    const backend = await open();
    const start = clock.now();
    await done(backend, submit('late', { delay_seconds: 600 }), submit('soon', { delay_seconds: 60 }), submit('ready'));
    expect((await role(backend, 'coder')).next_due_at).toBe(start + MINUTE);
    clock.advance(MINUTE);
    expect((await role(backend, 'coder')).next_due_at).toBe(start + 10 * MINUTE);
    clock.advance(10 * MINUTE);
    expect((await role(backend, 'coder')).next_due_at).toBeUndefined();
  });

  check('the counts of a role contain the time since which its oldest ready task waits', async ({ open, clock }) => {
    const backend = await open();
    const start = clock.now();
    await done(backend, submit('a'));
    clock.advance(MINUTE);
    await done(backend, submit('b', { priority: 'high' }), submit('later', { delay_seconds: 3_600 }));
    expect((await role(backend, 'coder')).oldest_ready_at).toBe(start);
    await done(backend, complete('a'));
    expect((await role(backend, 'coder')).oldest_ready_at).toBe(start + MINUTE);
    await claimed(backend);
    expect((await role(backend, 'coder')).oldest_ready_at).toBeUndefined();
  });

  check('a task whose lease ended waits since the end of the lease', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    const { lease } = await claimed(backend);
    clock.advance(lease.expires_at - clock.now());
    expect((await role(backend, 'coder')).oldest_ready_at).toBe(clock.now());
  });

  check('dead letters are counted until they are dismissed or retried', async ({ open }) => {
    const backend = await open();
    for (const id of ['a', 'b', 'c']) await done(backend, submit(id), fail(id));
    await done(backend, submit('d', { to: 'reviewer' }), fail('d', undefined, { by: 'reviewer' }));
    expect((await backend.counts()).dead).toBe(4);
    await done(backend, dismiss('a'), retry('b'));
    expect((await backend.counts()).dead).toBe(2);
    expect((await role(backend, 'coder')).tasks).toMatchObject({ failed: 2, queued: 1 });
  });

  check(
    'the counts list the workers that claimed recently, latest first, also those that got no task',
    async (harness) => {
      const here = await harness.open();
      const there = await harness.open();
      const start = harness.clock.now();
      await done(here, submit('a'));
      await claimed(here, { worker: 'worker-1' });
      harness.clock.advance(MINUTE);
      await nothingToClaim(there, { worker: 'worker-2', role: 'reviewer', stays: true });
      expect((await here.counts()).workers).toEqual([
        { worker: 'worker-2', role: 'reviewer', seen_at: start + MINUTE },
        { worker: 'worker-1', role: 'coder', seen_at: start },
      ]);
      harness.clock.advance(MINUTE);
      await nothingToClaim(here, { worker: 'worker-1' });
      expect((await there.counts()).workers.map(({ worker, seen_at }) => [worker, seen_at])).toEqual([
        ['worker-1', start + 2 * MINUTE],
        ['worker-2', start + MINUTE],
      ]);
    },
  );
};

/** Which roles a queue knows. */
export const roles: Theme = (check) => {
  check('a role is known as soon as a task was sent to it, and stays known', async ({ open }) => {
    const [here, there] = [await open(), await open()];
    await done(here, submit('a'), complete('a'), submit('b', { to: 'reviewer' }), cancel('b'));
    expect(await there.knownRoles()).toEqual(['coder', 'reviewer']);
    expect(await there.knowsRole('coder')).toBe(true);
    expect(await there.knowsRole('no-such-role')).toBe(false);
  });

  check('a worker makes its role known if it waits for tasks', async ({ open }) => {
    const backend = await open();
    await nothingToClaim(backend, { stays: true });
    expect(await backend.knowsRole('coder')).toBe(true);
    expect(await backend.knownRoles()).toEqual(['coder']);
    expect((await backend.counts()).workers).toMatchObject([{ role: 'coder', worker: 'worker-1' }]);
  });
};

async function role(backend: Backend, name: string): Promise<RoleCount> {
  const found = (await backend.counts()).roles.filter((count) => count.role === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}
