import { expect } from 'vitest';
import type { Watch } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  done,
  fail,
  LEASE,
  MINUTE,
  redo,
  release,
  renew,
  retry,
  ROLE,
  submit,
} from './checked-requests.ts';

/** How long to wait for one wake-up before the change is repeated, and the time limit of all repeats, in ms. */
const ONE_WAIT = 500;
const TIME_LIMIT = 10_000;
/** Longer than any test: only an abort or a wake-up ends this wait. */
const LONG_WAIT = 3_600_000;

/** A change wakes the watches that wait for it. */
export const watches: Theme = (check) => {
  for (const [what, prepare, act] of [
    ['a task is submitted', [], (id) => [submit(id)]],
    ['a task is released', ['claim'], (id, attempt) => [release(id, attempt)]],
    ['a running task is cancelled', ['claim'], (id) => [cancel(id)]],
    ['a dead letter is retried', ['claim', 'fail'], (id) => [retry(id)]],
    ['a completed task is redone', ['claim', 'complete'], (id) => [redo(id, 'again')]],
  ] as const satisfies readonly [
    string,
    readonly string[],
    (id: string, attempt: number) => readonly ReturnType<typeof submit>[],
  ][]) {
    check(`a watch of a role wakes on another connection when ${what}`, async ({ open }) => {
      const here = await open();
      const there = await open();
      using watch = there.watch({ role: ROLE });
      await wakes(watch, async (n) => {
        const fresh = `t${n}`;
        if (prepare.length === 0) return await done(here, ...act(fresh, 1));
        await done(here, submit(fresh));
        // After a missed wake-up, this claims a task that an earlier round made ready.
        const { id, lease } = await claimed(here);
        const [, end] = prepare;
        if (end) await done(here, end === 'fail' ? fail(id, lease.attempt) : complete(id, lease.attempt));
        await settle(watch);
        return await done(here, ...act(id, lease.attempt));
      });
    });
  }

  check('after a wake-up `lastKnown` contains the change', async ({ open }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch({ role: ROLE });
    const cancelled: string[] = [];
    await wakes(watch, async (n) => {
      await done(here, submit(`t${n}`));
      const { id } = await claimed(here);
      await settle(watch);
      cancelled.push(id);
      await done(here, cancel(id));
    });
    const known = await Promise.all(cancelled.map((id) => there.lastKnown(id)));
    expect(known.map((task) => task?.status)).toContain('cancelled');
  });

  check(
    'a watch of a role wakes when a request on another connection finds that a lease has ended',
    async ({ open, clock }) => {
      const here = await open();
      const there = await open();
      await done(here, submit('a', { max_attempts: 1_000 }));
      using watch = there.watch({ role: ROLE });
      await wakes(watch, async () => {
        await claimed(here);
        await settle(watch);
        clock.advance(LEASE);
        await here.counts();
      });
    },
  );

  check(
    'a watch of a role wakes when a request on another connection finds that a delay has ended',
    async ({ open, clock }) => {
      const here = await open();
      const there = await open();
      using watch = there.watch({ role: ROLE });
      await wakes(watch, async (n) => {
        await done(here, submit(`t${n}`, { delay_seconds: 60 }));
        await settle(watch);
        clock.advance(MINUTE);
        await here.task(`t${n}`);
      });
    },
  );

  for (const [how, end] of Object.entries({ completed: complete, failed: fail, cancelled: cancel })) {
    check(`a watch of finished tasks wakes on another connection when a task is ${how}`, async ({ open }) => {
      const here = await open();
      const there = await open();
      using watch = there.watch('finished');
      await wakes(watch, async (n) => {
        await done(here, submit(`t${n}`));
        await settle(watch);
        await done(here, end(`t${n}`));
      });
    });
  }

  check(
    'a watch of finished tasks wakes when a request on another connection finds that a task has expired',
    async ({ open, clock }) => {
      const here = await open();
      const there = await open();
      using watch = there.watch('finished');
      await wakes(watch, async (n) => {
        await done(here, submit(`t${n}`, { ttl_seconds: 60 }));
        clock.advance(MINUTE);
        await here.counts();
      });
    },
  );

  check('a watch wakes also for a change on its own connection', async ({ open }) => {
    const backend = await open();
    using watch = backend.watch({ role: ROLE });
    await wakes(watch, (n) => done(backend, submit(`t${n}`)));
  });

  check('a watch of a role does not wake for another role or for the end of a task', async ({ open }) => {
    const here = await open();
    const there = await open();
    using other = there.watch({ role: 'reviewer' });
    using alike = there.watch({ role: `${ROLE}-2` });
    using coder = there.watch({ role: ROLE });
    using finished = there.watch('finished');
    await wakes(coder, (n) => done(here, submit(`t${n}`)));
    await wakes(finished, async (n) => {
      await done(here, submit(`s${n}`), complete(`s${n}`));
    });
    expect(await other.wait(0)).toBe(false);
    expect(await alike.wait(0)).toBe(false);
    await wakes(other, (n) => done(here, submit(`u${n}`, { to: 'reviewer' })));
  });

  check('a watch of all changes wakes at each change of a task, and not when a queue is read', async ({ open }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch('changed');
    await wakes(watch, (n) => done(here, submit(`later${n}`, { delay_seconds: 60 })));
    await done(here, ...['a', 'b', 'c'].map((id) => submit(id)));
    await settle(watch);
    const working: string[] = [];
    await wakes(watch, async () => working.push((await claimed(here)).id));
    await settle(watch);
    await wakes(watch, (n) => done(here, renew(working[0]!, 1, { percent: n })));
    await settle(watch);
    await there.counts();
    await there.list({ limit: 10 });
    expect(await watch.wait(20)).toBe(false);
    await wakes(watch, () => done(here, complete(working.pop()!, 1)));
  });

  check('a watch of finished tasks does not wake for a submit', async ({ open }) => {
    const here = await open();
    const there = await open();
    using finished = there.watch('finished');
    using coder = there.watch({ role: ROLE });
    await wakes(coder, (n) => done(here, submit(`t${n}`)));
    expect(await finished.wait(0)).toBe(false);
  });

  check('a wake-up between two waits is not lost, and ends only one wait', async ({ open }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch({ role: ROLE });
    using witness = there.watch({ role: ROLE });
    await wakes(witness, (n) => done(here, submit(`t${n}`)));
    // A backend may send a wake-up twice. After the last one, `watch` has received its wake-up before its wait begins.
    await settle(witness);
    expect(await watch.wait(ONE_WAIT)).toBe(true);
    await settle(watch);
    expect(await watch.wait(1)).toBe(false);
  });

  check('a wait without a wake-up ends after its timeout', async ({ open }) => {
    const backend = await open();
    using watch = backend.watch({ role: ROLE });
    expect(await watch.wait(0)).toBe(false);
    expect(await watch.wait(20)).toBe(false);
  });

  check('a wait ends when its signal aborts, and the watch can wait again', async ({ open }) => {
    const backend = await open();
    using watch = backend.watch({ role: ROLE });
    expect(await watch.wait(LONG_WAIT, AbortSignal.abort())).toBe(false);
    const stop = new AbortController();
    const waiting = watch.wait(LONG_WAIT, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    await wakes(watch, (n) => done(backend, submit(`t${n}`)));
  });

  check('a disposed watch does not wake, and other watches still do', async ({ open }) => {
    const here = await open();
    const there = await open();
    const gone = there.watch({ role: ROLE });
    using before = there.watch({ role: ROLE });
    gone[Symbol.dispose]();
    await wakes(before, (n) => done(here, submit(`t${n}`)));
    expect(await gone.wait(0)).toBe(false);
    before[Symbol.dispose]();
    using after = there.watch({ role: ROLE });
    await wakes(after, (n) => done(here, submit(`u${n}`)));
  });

  check('disposing of a watch twice does not affect a later watch', async ({ open }) => {
    const here = await open();
    const there = await open();
    const gone = there.watch({ role: ROLE });
    gone[Symbol.dispose]();
    using later = there.watch({ role: ROLE });
    gone[Symbol.dispose]();
    await wakes(later, (n) => done(here, submit(`t${n}`)));
  });
};

/** Repeats the action until the watch wakes, because a wake-up may be missed. Fails if all wake-ups are missed. */
async function wakes(watch: Watch, act: (n: number) => Promise<unknown>): Promise<void> {
  let woken = false;
  const deadline = Date.now() + TIME_LIMIT;
  for (let n = 0; !woken && Date.now() < deadline; n++) {
    await act(n);
    woken = await watch.wait(ONE_WAIT);
  }
  expect(woken).toBe(true);
}

/** Consumes the wake-ups of earlier changes, so that the next wake-up belongs to the next change. */
async function settle(watch: Watch): Promise<void> {
  for (const deadline = Date.now() + TIME_LIMIT; Date.now() < deadline && (await watch.wait(20)););
}
