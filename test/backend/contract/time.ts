import { expect } from 'vitest';
import type { Backend } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  ask,
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
  say,
  SECOND,
  submit,
  tell,
  typesOf,
} from './say.ts';

/** What time alone brings about, and that every answer shows it. */
export const time: Theme = (check) => {
  check('a delayed task is scheduled, and is given from the moment when it is due', async ({ open, clock }) => {
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

  check('a task that is not to begin before a moment is given from then on', async ({ open, clock }) => {
    const backend = await open();
    const due = clock.now() + 90 * MINUTE;
    await done(backend, submit('a', { not_before: new Date(due).toISOString() }));
    await done(backend, submit('past', { not_before: new Date(clock.now() - MINUTE).toISOString() }));
    expect((await claimed(backend)).id).toBe('past');
    expect(await backend.task('a')).toMatchObject({ status: 'scheduled', due_at: due });
    clock.advance(90 * MINUTE);
    expect((await claimed(backend)).id).toBe('a');
  });

  check('a delay that is over counts from when it was over, not from when somebody looked', async ({ open, clock }) => {
    const backend = await open();
    const due = clock.now() + MINUTE;
    await done(backend, submit('a', { delay_seconds: 60 }));
    clock.advance(LEASE);
    expect(await backend.task('a')).toMatchObject({ status: 'queued', ready_at: due });
    expect((await backend.history('a')).at(-1)).toMatchObject({ type: 'became-due', at: due });
  });

  check('a lease that ended gives the task back, and the next claim gets a new number', async ({ open, clock }) => {
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
    expect(await claimed(backend, { worker: 'worker-2' })).toMatchObject({ lease: { attempt: 2, worker: 'worker-2' } });
  });

  check('a lease that ended is noticed by the claim itself, on any connection', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'));
    await claimed(here);
    clock.advance(LEASE);
    expect(await claimed(there, { worker: 'worker-2' })).toMatchObject({ id: 'a', lease: { attempt: 2 } });
    await nothingToClaim(here);
  });

  check('a stale worker is refused everything while nobody holds the task, and changes nothing', async (harness) => {
    const backend = await harness.open();
    await done(backend, submit('a'));
    await claimed(backend);
    harness.clock.advance(LEASE);
    await staleIsRefused(backend, 1);
    expect(await claimed(backend)).toMatchObject({ lease: { attempt: 2 } });
  });

  check('a stale worker is refused everything while another holds the task, and changes nothing', async (harness) => {
    const backend = await harness.open();
    await done(backend, submit('a'));
    await claimed(backend);
    harness.clock.advance(LEASE);
    const held = await claimed(backend, { worker: 'worker-2' });
    await staleIsRefused(backend, 1);
    await staleIsRefused(backend, undefined);
    expect(await backend.task('a')).toMatchObject({ status: 'working', lease: held.lease, attempts: held.attempts });
    await done(backend, complete('a', 2, { summary: 'the holder says so' }));
  });

  check('a renewal in time keeps the lease, and one that comes too late is refused', async ({ open, clock }) => {
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

  check('the last lease that may end fails the task, and its message goes out', async ({ open, clock }) => {
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

  check('what was said before it could be heard is dated when it was said', async ({ open, clock }) => {
    const backend = await open();
    const said = clock.now();
    clock.advance(LEASE);
    await done(backend, { ...submit('new', { delay_seconds: 60 }), at: said });
    expect((await backend.history('new'))[0]).toMatchObject({ type: 'submitted', at: said, due_at: said + MINUTE });
    expect(await backend.task('new')).toMatchObject({ status: 'queued', submitted_at: said, ready_at: said + MINUTE });
    await done(backend, submit('a', { to: 'reviewer' }));
    await claimed(backend, { role: 'reviewer' });
    const failed = clock.now();
    clock.advance(MINUTE);
    await done(backend, { ...fail('a', 1, { by: 'reviewer' }), at: failed });
    expect(await backend.task('a')).toMatchObject({ status: 'failed', failed_at: failed });
  });

  check('a completion that was said in time counts, though the lease has ended since', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    clock.advance(MINUTE);
    const said = clock.now();
    clock.advance(LEASE);
    const told = await done(backend, { ...complete('a', 1, { summary: 'in time' }), at: said });
    expect(told).toMatchObject({ status: 'completed', completion: { at: said } });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
    const { lease } = await claimed(backend);
    clock.advance(2 * LEASE);
    await refused(backend, { ...complete('b', 1), at: lease.expires_at }, 'conflict');
  });

  check('a clock that ran ahead dates nothing later than now, and ends no lease', async ({ open, clock }) => {
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

  check('what was said before the last event of its task is dated as that event', async ({ open, clock }) => {
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
  });

  check('a task that nobody began in time is expired for whoever looks', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    clock.advance(MINUTE - 1);
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
    clock.advance(1);
    expect(await backend.task('a')).toMatchObject({ status: 'expired', expired_at: clock.now() });
  });

  check('a task whose TTL has passed is not given, though nobody has looked at it since', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60, priority: 'high' }), submit('b'));
    clock.advance(MINUTE);
    expect((await claimed(backend)).id).toBe('b');
    await nothingToClaim(backend);
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'expired']);
    await refused(backend, say('a', { type: 'claim', worker: 'w', lease: LEASE }), 'conflict');
  });

  check('tasks whose TTL has passed are not given, however many they are', async ({ open, clock }) => {
    const backend = await open();
    await backend.commit(Array.from({ length: 1_200 }, (_, n) => submit(`t${n}`, { ttl_seconds: 60 })));
    await done(backend, submit('good'));
    clock.advance(MINUTE);
    expect((await claimed(backend)).id).toBe('good');
    await nothingToClaim(backend);
    expect((await backend.counts()).roles[0]!.tasks).toMatchObject({ expired: 1_200, queued: 0, working: 1 });
  });

  check('a TTL does not end what was begun, not even after it was given back', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    await claimed(backend);
    clock.advance(2 * MINUTE);
    expect(await backend.task('a')).toMatchObject({ status: 'working' });
    await done(backend, release('a', 1));
    clock.advance(2 * MINUTE);
    expect(await claimed(backend)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
  });

  check('the TTL of a delayed task runs from when it is due', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { delay_seconds: 60, ttl_seconds: 60 }));
    clock.advance(2 * MINUTE - 1);
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
    clock.advance(1);
    await nothingToClaim(backend);
    expect(await backend.task('a')).toMatchObject({ status: 'expired' });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'became-due', 'expired']);
  });

  check('the TTL of a task that was taken back from the dead letters runs anew', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    clock.advance(MINUTE);
    await done(backend, retry('a'));
    clock.advance(MINUTE - 1);
    expect(await backend.task('a')).toMatchObject({ status: 'queued' });
    clock.advance(1);
    expect(await backend.task('a')).toMatchObject({ status: 'expired' });
  });

  check('the wait after each failure grows by the factor, up to the longest', async ({ open, clock }) => {
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

  check('a wait strays from its middle by the jitter at most', async ({ open, clock }) => {
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

  check('the last failure that counts is final, though a backoff was named', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { max_attempts: 2 }));
    const backoff = { base: SECOND, factor: 2, max: MINUTE, jitter: 0 };
    await claimed(backend);
    await done(backend, fail('a', 1, { backoff }));
    clock.advance(SECOND);
    await claimed(backend);
    expect(await done(backend, fail('a', 2, { backoff }))).toMatchObject({ status: 'failed' });
  });

  check('a deferred task comes back after its wait, and the deferral is no failure', async ({ open, clock }) => {
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
  });

  check('who finds nothing hears of the earliest moment that may bring something', async ({ open, clock }) => {
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
  });

  check("who finds nothing does not hear of another role's moments", async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('theirs', { to: 'reviewer', delay_seconds: 60 }));
    expect((await nothingToClaim(backend)).next_due).toBeUndefined();
    await done(backend, submit('ours', { delay_seconds: 3_600 }));
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
    check(`the answer to ${question} shows what time alone has brought about`, async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a', { ttl_seconds: 60 }));
      clock.advance(MINUTE - 1);
      expect(await answer(backend)).toEqual([]);
      clock.advance(1);
      expect(await answer(backend)).toEqual(['a']);
    });
  }

  check('what time has brought about is written once, whoever looks and however often', async ({ open, clock }) => {
    const connections = [await open(), await open(), await open()];
    await done(connections[0]!, submit('a', { ttl_seconds: 60 }), submit('b', { delay_seconds: 60 }));
    clock.advance(MINUTE);
    await Promise.all(connections.map((one) => everything(one)));
    for (const one of connections) {
      await one.counts();
      expect(await typesOf(one.history('a'))).toEqual(['submitted', 'expired']);
      expect(await typesOf(one.history('b'))).toEqual(['submitted', 'became-due']);
    }
  });

  check('a command on a task finds it as time has left it', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }), submit('b', { ttl_seconds: 60 }));
    clock.advance(MINUTE);
    expect(await done(backend, retry('a'))).toMatchObject({ status: 'queued' });
    await refused(backend, complete('b'), 'conflict');
    expect(await backend.task('b')).toMatchObject({ status: 'expired' });
    expect(await typesOf(backend.history('b'))).toEqual(['submitted', 'expired', 'refused']);
  });

  check('to say that time has passed changes a task only where it has', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    expect((await tell(backend, say('a', { type: 'elapse' }))).changed).toBe(false);
    clock.advance(MINUTE);
    expect(await tell(backend, say('a', { type: 'elapse' }))).toMatchObject({ task: { status: 'expired' } });
    expect((await backend.claim(ask())).task).toBeUndefined();
  });
};

/**
 * Whatever the stale attempt asks is refused and leaves the task as it was, but for the count of the refusals that
 * are remembered.
 */
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
