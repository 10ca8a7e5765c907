import { expect } from 'vitest';
import type { Backend } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  claimRequest,
  claimed,
  complete,
  done,
  evidence,
  everything,
  fail,
  idsOf,
  LEASE,
  MINUTE,
  nothingToClaim,
  QUEUE,
  refused,
  release,
  renew,
  retry,
  ROLE,
  requestOf,
  SECOND,
  submit,
  commitOne,
  typesOf,
} from './checked-requests.ts';

/** Changes that only time causes. Every answer shows them. */
export const time: Theme = (check) => {
  check('a delayed task is scheduled, and can be claimed when it is due', async ({ open, clock }) => {
    const backend = await open();
    const due = clock.now() + MINUTE;
    const task = await done(backend, submit('a', { delay_seconds: 60 }));
    expect(task).toMatchObject({ status: 'scheduled', why: 'delay', due_at: due });
    expect(await nothingToClaim(backend)).toMatchObject({ next_due: due });
    clock.advance(MINUTE - 1);
    expect(await nothingToClaim(backend)).toMatchObject({ next_due: due });
    expect(await backend.task('a')).toEqual(task);
    clock.advance(1);
    expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 1 } });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'became-due', 'claimed']);
  });

  check('a task with `not_before` can be claimed from that time on', async ({ open, clock }) => {
    const backend = await open();
    const due = clock.now() + 90 * MINUTE;
    await done(backend, submit('a', { not_before: new Date(due).toISOString() }));
    await done(backend, submit('past', { not_before: new Date(clock.now() - MINUTE).toISOString() }));
    expect((await claimed(backend)).id).toBe('past');
    expect(await backend.task('a')).toMatchObject({ status: 'scheduled', due_at: due });
    clock.advance(90 * MINUTE);
    expect((await claimed(backend)).id).toBe('a');
  });

  check(
    'a task becomes ready at the end of its delay, also if the backend notices it later',
    async ({ open, clock }) => {
      const backend = await open();
      const due = clock.now() + MINUTE;
      await done(backend, submit('a', { delay_seconds: 60 }));
      clock.advance(LEASE);
      expect(await backend.task('a')).toMatchObject({ status: 'queued', ready_at: due });
      expect((await backend.history('a')).at(-1)).toMatchObject({ type: 'became-due', at: due });
    },
  );

  check(
    'a task is queued again when its lease ends, and the next claim has a new attempt number',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'));
      const { lease } = await claimed(backend);
      expect(await nothingToClaim(backend)).toMatchObject({ next_due: lease.expires_at });
      clock.advance(LEASE - 1);
      await nothingToClaim(backend, { worker: 'worker-2' });
      clock.advance(1);
      expect(await backend.task('a')).toMatchObject({
        status: 'queued',
        attempts: [{ number: 1, worker: 'worker-1', outcome: 'lease-expired', ended_at: clock.now() }],
      });
      expect(await claimed(backend, { worker: 'worker-2' })).toMatchObject({
        lease: { attempt: 2, worker: 'worker-2' },
      });
    },
  );

  check('a claim on any connection finds that a lease has ended', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'));
    await claimed(here);
    clock.advance(LEASE);
    expect(await claimed(there, { worker: 'worker-2' })).toMatchObject({ id: 'a', lease: { attempt: 2 } });
    await nothingToClaim(here);
  });

  check(
    'every command of a stale worker is refused and changes nothing while no worker holds the task',
    async (harness) => {
      const backend = await harness.open();
      await done(backend, submit('a'));
      await claimed(backend);
      harness.clock.advance(LEASE);
      await staleIsRefused(backend, 1);
      expect(await claimed(backend)).toMatchObject({ lease: { attempt: 2 } });
    },
  );

  check(
    'every command of a stale worker is refused and changes nothing while another worker holds the task',
    async (harness) => {
      const backend = await harness.open();
      await done(backend, submit('a'));
      await claimed(backend);
      harness.clock.advance(LEASE);
      const held = await claimed(backend, { worker: 'worker-2' });
      await staleIsRefused(backend, 1);
      await staleIsRefused(backend, undefined);
      expect(await backend.task('a')).toMatchObject({ status: 'working', lease: held.lease, attempts: held.attempts });
      await done(backend, complete('a', 2, { summary: 'the holder says so' }));
    },
  );

  check('a renewal before the end of the lease extends it, and a later one is refused', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    for (let n = 0; n < 5; n++) {
      clock.advance(LEASE - 1);
      await done(backend, renew('a', 1));
    }
    expect(await backend.task('a')).toMatchObject({ status: 'working', lease: { attempt: 1 } });
    clock.advance(LEASE);
    await refused(backend, renew('a', 1), 'conflict');
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
  });

  check('a task fails and sends its message when the lease of its last attempt ends', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { max_attempts: 2 }));
    await claimed(backend);
    clock.advance(LEASE);
    await claimed(backend);
    clock.advance(LEASE);
    expect(await idsOf(backend.inbox(QUEUE, 10))).toEqual(['a']);
    expect(await backend.task('a')).toMatchObject({ status: 'failed', failed_at: clock.now() });
    expect((await backend.history('a')).at(-1)).toMatchObject({ type: 'lease-expired', final: true });
    await nothingToClaim(backend);
  });

  check('a command that reaches the backend later has the time when it was issued', async ({ open, clock }) => {
    const backend = await open();
    const issued = clock.now();
    clock.advance(LEASE);
    await done(backend, { ...submit('new', { delay_seconds: 60 }), at: issued });
    expect((await backend.history('new'))[0]).toMatchObject({ type: 'submitted', at: issued, due_at: issued + MINUTE });
    expect(await backend.task('new')).toMatchObject({
      status: 'queued',
      submitted_at: issued,
      ready_at: issued + MINUTE,
    });
    await done(backend, submit('a', { to: 'reviewer' }));
    await claimed(backend, { role: 'reviewer' });
    const failed = clock.now();
    clock.advance(MINUTE);
    await done(backend, { ...fail('a', 1, { by: 'reviewer' }), at: failed });
    expect(await backend.task('a')).toMatchObject({ status: 'failed', failed_at: failed });
  });

  check(
    'a completion that was issued during the lease is accepted later, and its event has the time of issue',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'), submit('b'));
      await claimed(backend);
      clock.advance(MINUTE);
      const issued = clock.now();
      clock.advance(LEASE);
      const task = await done(backend, { ...complete('a', 1, { summary: 'in time' }), at: issued });
      expect(task).toMatchObject({ status: 'completed', completion: { at: issued } });
      expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
      const { lease } = await claimed(backend);
      clock.advance(2 * LEASE);
      await refused(backend, { ...complete('b', 1), at: lease.expires_at }, 'conflict');
    },
  );

  check('a command from a clock that is ahead has the current time, and ends no lease', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    const now = clock.now();
    expect(await done(backend, { ...complete('a', 1), at: now + 2 * LEASE })).toMatchObject({
      status: 'completed',
      completion: { at: now },
    });
    expect(await done(backend, { ...submit('b'), at: now + LEASE })).toMatchObject({ submitted_at: now });
  });

  check(
    'a command that was issued before the last event of its task has the time of that event',
    async ({ open, clock }) => {
      const backend = await open();
      const before = clock.now();
      clock.advance(MINUTE);
      await done(backend, submit('a'));
      await claimed(backend);
      const last = clock.now();
      clock.advance(MINUTE);
      await done(backend, { ...complete('a', 1), at: before });
      expect((await backend.history('a')).map(({ at }) => at)).toEqual([last, last, last]);
      expect(await backend.audit(false)).toEqual([]);
    },
  );

  check('an answer shows a task as expired as soon as its TTL has passed', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    clock.advance(MINUTE - 1);
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
    clock.advance(1);
    expect(await backend.task('a')).toMatchObject({ status: 'expired', expired_at: clock.now() });
  });

  check('a task expires when its TTL has passed, not when a request notices it', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }), submit('b', { delay_seconds: 60, ttl_seconds: 1 }));
    const passed = clock.now() + MINUTE;
    clock.advance(10 * MINUTE);
    expect(await backend.task('a')).toMatchObject({ status: 'expired', expired_at: passed, updated_at: passed });
    expect(await backend.history('b')).toMatchObject([
      { type: 'submitted' },
      { type: 'became-due', at: passed },
      { type: 'expired', at: passed + SECOND },
    ]);
    expect(await (await open()).task('a')).toEqual(await backend.task('a'));
  });

  check(
    'a claim does not return a task whose TTL has passed, also if it is the first request since',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a', { ttl_seconds: 60, priority: 'high' }), submit('b'));
      clock.advance(MINUTE);
      expect((await claimed(backend)).id).toBe('b');
      await nothingToClaim(backend);
      expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'expired']);
      await refused(backend, requestOf('a', { type: 'claim', worker: 'w', lease: LEASE }), 'conflict');
    },
  );

  check('a claim skips any number of tasks whose TTL has passed', async ({ open, clock }) => {
    const backend = await open();
    await backend.commit(Array.from({ length: 1_200 }, (_, n) => submit(`t${n}`, { ttl_seconds: 60 })));
    await done(backend, submit('good'));
    clock.advance(MINUTE);
    expect((await claimed(backend)).id).toBe('good');
    await nothingToClaim(backend);
    expect((await backend.counts()).roles[0]!.tasks).toMatchObject({ expired: 1_200, queued: 0, working: 1 });
  });

  check(
    'a task that was claimed before its TTL passed does not expire, also after a release',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a', { ttl_seconds: 60 }));
      await claimed(backend);
      clock.advance(2 * MINUTE);
      expect(await backend.task('a')).toMatchObject({ status: 'working' });
      await done(backend, release('a', 1));
      clock.advance(2 * MINUTE);
      expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
    },
  );

  check('the TTL of a delayed task begins when the task is due', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { delay_seconds: 60, ttl_seconds: 60 }));
    clock.advance(2 * MINUTE - 1);
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
    clock.advance(1);
    await nothingToClaim(backend);
    expect(await backend.task('a')).toMatchObject({ status: 'expired' });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'became-due', 'expired']);
  });

  check('the TTL of a retried dead letter begins again', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    clock.advance(MINUTE);
    await done(backend, retry('a'));
    clock.advance(MINUTE - 1);
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
    clock.advance(1);
    expect(await backend.task('a')).toMatchObject({ status: 'expired' });
  });

  check('the backoff grows by its factor after each failure, up to its maximum', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { max_attempts: 10 }));
    const backoff = { base: 10 * SECOND, factor: 3, max: 100 * SECOND, jitter: 0 };
    for (const [n, wait] of [10, 30, 90, 100, 100].entries()) {
      await claimed(backend);
      const due = clock.now() + wait * SECOND;
      expect(await done(backend, fail('a', n + 1, { backoff }))).toMatchObject({
        status: 'scheduled',
        why: 'backoff',
        due_at: due,
      });
      expect(await nothingToClaim(backend)).toMatchObject({ next_due: due });
      clock.advance(wait * SECOND - 1);
      await nothingToClaim(backend);
      clock.advance(1);
    }
    expect(await claimed(backend)).toMatchObject({ lease: { attempt: 6 } });
  });

  check('the jitter bounds the deviation of a backoff', async ({ open, clock }) => {
    const backend = await open();
    const backoff = { base: 100 * SECOND, factor: 2, max: LEASE, jitter: 0.2 };
    for (let n = 0; n < 20; n++) {
      await done(backend, submit(`t${n}`));
      await claimed(backend);
      const task = await done(backend, fail(`t${n}`, 1, { backoff }));
      const wait = (task as typeof task & { due_at: number }).due_at - clock.now();
      expect(wait).toBeGreaterThanOrEqual(80 * SECOND);
      expect(wait).toBeLessThanOrEqual(120 * SECOND);
    }
  });

  check('the failure of the last attempt is final, also with a backoff', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { max_attempts: 2 }));
    const backoff = { base: SECOND, factor: 2, max: MINUTE, jitter: 0 };
    await claimed(backend);
    await done(backend, fail('a', 1, { backoff }));
    clock.advance(SECOND);
    await claimed(backend);
    expect(await done(backend, fail('a', 2, { backoff }))).toMatchObject({ status: 'failed' });
  });

  check(
    'a deferred task is queued again after its backoff, and the deferral does not count as a failure',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a', { max_attempts: 1 }));
      const backoff = { base: MINUTE, factor: 2, max: LEASE, jitter: 0 };
      for (const [n, wait] of [1, 2, 4].entries()) {
        await claimed(backend);
        expect(await done(backend, release('a', n + 1, { backoff }))).toMatchObject({
          status: 'scheduled',
          due_at: clock.now() + wait * MINUTE,
        });
        clock.advance(wait * MINUTE);
      }
      expect(await claimed(backend)).toMatchObject({ lease: { attempt: 4 } });
    },
  );

  check(
    'a claim without a task returns the earliest time at which a task may become ready',
    async ({ open, clock }) => {
      const backend = await open();
      const start = clock.now();
      await done(backend, submit('held'));
      await claimed(backend);
      await done(backend, submit('later', { delay_seconds: 3_600 }), submit('sooner', { delay_seconds: 60 }));
      expect(await nothingToClaim(backend)).toMatchObject({ next_due: start + MINUTE });
      await done(backend, submit('soonest', { not_before: new Date(start + SECOND).toISOString() }));
      const other = await open();
      expect(await nothingToClaim(other)).toMatchObject({ next_due: start + SECOND });
      clock.advance(MINUTE);
      expect((await claimed(backend)).id).toBe('sooner');
      expect((await claimed(backend)).id).toBe('soonest');
      expect(await nothingToClaim(backend)).toMatchObject({ next_due: start + LEASE });
    },
  );

  check('the time that a claim without a task returns ignores other roles', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('for-reviewer', { to: 'reviewer', delay_seconds: 60 }));
    expect((await nothingToClaim(backend)).next_due).toBeUndefined();
    await done(backend, submit('for-coder', { delay_seconds: 3_600 }));
    expect(await nothingToClaim(backend)).toMatchObject({ next_due: clock.now() + 60 * MINUTE });
  });

  for (const [question, answer] of Object.entries<(backend: Backend) => Promise<unknown>>({
    list: (backend) => idsOf(backend.list({ role: ROLE, statuses: ['expired'], limit: 10 })),
    'list of dead letters': (backend) => idsOf(backend.list({ dead: true, limit: 10 })),
    inbox: (backend) => idsOf(backend.inbox(QUEUE, 10)),
    counts: async (backend) => ((await backend.counts()).dead === 1 ? ['a'] : []),
    history: async (backend) => ((await backend.history('a')).at(-1)?.type === 'expired' ? ['a'] : []),
    task: async (backend) => ((await backend.task('a'))?.status === 'expired' ? ['a'] : []),
  })) {
    check(`the answer to ${question} shows that a TTL has passed`, async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a', { ttl_seconds: 60 }));
      clock.advance(MINUTE - 1);
      expect(await answer(backend)).toEqual([]);
      clock.advance(1);
      expect(await answer(backend)).toEqual(['a']);
    });
  }

  check(
    'the event of an expiry or of a due task is recorded once, also if several connections find it',
    async ({ open, clock }) => {
      const connections = [await open(), await open(), await open()];
      await done(connections[0]!, submit('a', { ttl_seconds: 60 }), submit('b', { delay_seconds: 60 }));
      clock.advance(MINUTE);
      await Promise.all(connections.map((one) => everything(one)));
      for (const one of connections) {
        await one.counts();
        expect(await typesOf(one.history('a'))).toEqual(['submitted', 'expired']);
        expect(await typesOf(one.history('b'))).toEqual(['submitted', 'became-due']);
      }
    },
  );

  check('a command applies to the task after all events that are due', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }), submit('b', { ttl_seconds: 60 }));
    clock.advance(MINUTE);
    expect(await done(backend, retry('a'))).toMatchObject({ status: 'queued' });
    await refused(backend, complete('b'), 'conflict');
    expect(await backend.task('b')).toMatchObject({ status: 'expired' });
    expect(await typesOf(backend.history('b'))).toEqual(['submitted', 'expired', 'refused']);
  });

  check('`elapse` changes a task only if an event is due', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    expect((await commitOne(backend, requestOf('a', { type: 'elapse' }))).changed).toBe(false);
    clock.advance(MINUTE);
    expect(await commitOne(backend, requestOf('a', { type: 'elapse' }))).toMatchObject({ task: { status: 'expired' } });
    expect((await backend.claim(claimRequest())).task).toBeUndefined();
  });
};

/** Checks that every command of the stale attempt is refused and changes only the count of recorded refusals. */
async function staleIsRefused(backend: Backend, attempt: number | undefined): Promise<void> {
  const before = (await backend.task('a'))!;
  const events = await backend.history('a');
  for (const request of [renew('a', attempt), release('a', attempt)]) await refused(backend, request, 'conflict');
  expect(await backend.task('a')).toEqual(before);
  expect(await backend.history('a')).toEqual(events);
  await refused(backend, complete('a', attempt, { summary: 'stale', artifacts: [evidence('stale')] }), 'conflict');
  await refused(backend, fail('a', attempt, { reason: 'stale' }), 'conflict');
  const after = (await backend.task('a'))!;
  expect(after).toEqual({ ...before, refused: before.refused + 2, updated_at: after.updated_at });
  expect((await backend.history('a')).slice(events.length)).toMatchObject([
    { type: 'refused', command: 'complete' },
    { type: 'refused', command: 'fail' },
  ]);
}
