import { expect } from 'vitest';
import type { Watch } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import { cancel, claimed, complete, done, fail, LEASE, MINUTE, release, retry, ROLE, submit } from './say.ts';

/** How long a ring may take before it counts as missed, and for how long to ring again and again, in ms. */
const ONE_RING = 500;
const PATIENCE = 10_000;
/** Longer than any test takes: whoever waits so long is woken by something else. */
const FOREVER = 3_600_000;

/** Who waits is woken. */
export const watches: Theme = (check) => {
  for (const [what, prepare, act] of [
    ['a task is submitted', [], (id) => [submit(id)]],
    ['a task is handed back', ['claim'], (id, attempt) => [release(id, attempt)]],
    ['a running task is cancelled', ['claim'], (id) => [cancel(id)]],
    ['a dead letter is retried', ['claim', 'fail'], (id) => [retry(id)]],
  ] as const satisfies readonly [
    string,
    readonly string[],
    (id: string, attempt: number) => readonly ReturnType<typeof submit>[],
  ][]) {
    check(`who waits for a role is woken when ${what}, on another connection too`, async ({ open }) => {
      const here = await open();
      const there = await open();
      using watch = there.watch({ role: ROLE });
      await rings(watch, async (n) => {
        const fresh = `t${n}`;
        if (prepare.length === 0) return await done(here, ...act(fresh, 1));
        await done(here, submit(fresh));
        // Where a ring was missed, one that was made ready before.
        const { id, lease } = await claimed(here);
        if (prepare.length > 1) await done(here, fail(id, lease.attempt));
        await settle(watch);
        return await done(here, ...act(id, lease.attempt));
      });
    });
  }

  check('after a ring the backend knows the change without another question', async ({ open }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch({ role: ROLE });
    const cancelled: string[] = [];
    await rings(watch, async (n) => {
      await done(here, submit(`t${n}`));
      const { id } = await claimed(here);
      await settle(watch);
      cancelled.push(id);
      await done(here, cancel(id));
    });
    const known = await Promise.all(cancelled.map((id) => there.lastKnown(id)));
    expect(known.map((task) => task?.status)).toContain('cancelled');
  });

  check('who waits for a role is woken when somebody finds that a lease has ended', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a', { max_attempts: 1_000 }));
    using watch = there.watch({ role: ROLE });
    await rings(watch, async () => {
      await claimed(here);
      await settle(watch);
      clock.advance(LEASE);
      await here.counts();
    });
  });

  check('who waits for a role is woken when somebody finds that a delay is over', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch({ role: ROLE });
    await rings(watch, async (n) => {
      await done(here, submit(`t${n}`, { delay_seconds: 60 }));
      await settle(watch);
      clock.advance(MINUTE);
      await here.task(`t${n}`);
    });
  });

  for (const [how, end] of Object.entries({ completed: complete, failed: fail, cancelled: cancel })) {
    check(`who waits for an end is woken when a task is ${how}, on another connection too`, async ({ open }) => {
      const here = await open();
      const there = await open();
      using watch = there.watch('finished');
      await rings(watch, async (n) => {
        await done(here, submit(`t${n}`));
        await settle(watch);
        await done(here, end(`t${n}`));
      });
    });
  }

  check('who waits for an end is woken when somebody finds that a task has expired', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch('finished');
    await rings(watch, async (n) => {
      await done(here, submit(`t${n}`, { ttl_seconds: 60 }));
      clock.advance(MINUTE);
      await here.counts();
    });
  });

  check('who waits is woken by its own connection as well', async ({ open }) => {
    const backend = await open();
    using watch = backend.watch({ role: ROLE });
    await rings(watch, (n) => done(backend, submit(`t${n}`)));
  });

  check('who waits for a role is not woken by another role, nor by an end', async ({ open }) => {
    const here = await open();
    const there = await open();
    using other = there.watch({ role: 'reviewer' });
    using alike = there.watch({ role: `${ROLE}-2` });
    using coder = there.watch({ role: ROLE });
    using finished = there.watch('finished');
    await rings(coder, (n) => done(here, submit(`t${n}`)));
    await rings(finished, async (n) => {
      await done(here, submit(`s${n}`), complete(`s${n}`));
    });
    expect(await other.wait(0)).toBe(false);
    expect(await alike.wait(0)).toBe(false);
    await rings(other, (n) => done(here, submit(`u${n}`, { to: 'reviewer' })));
  });

  check('who waits for an end is not woken by a submit', async ({ open }) => {
    const here = await open();
    const there = await open();
    using finished = there.watch('finished');
    using coder = there.watch({ role: ROLE });
    await rings(coder, (n) => done(here, submit(`t${n}`)));
    expect(await finished.wait(0)).toBe(false);
  });

  check('a ring between two waits is not lost, and is heard once', async ({ open }) => {
    const here = await open();
    const there = await open();
    using watch = there.watch({ role: ROLE });
    using witness = there.watch({ role: ROLE });
    await rings(witness, (n) => done(here, submit(`t${n}`)));
    // A ring may be doubled: only once its echoes are over is it sure to have come before the wait.
    await settle(witness);
    expect(await watch.wait(ONE_RING)).toBe(true);
    await settle(watch);
    expect(await watch.wait(1)).toBe(false);
  });

  check('who waits in vain gives up after the time that was named', async ({ open }) => {
    const backend = await open();
    using watch = backend.watch({ role: ROLE });
    expect(await watch.wait(0)).toBe(false);
    expect(await watch.wait(20)).toBe(false);
  });

  check('who waits gives up when its signal aborts, and may wait again', async ({ open }) => {
    const backend = await open();
    using watch = backend.watch({ role: ROLE });
    expect(await watch.wait(FOREVER, AbortSignal.abort())).toBe(false);
    const stop = new AbortController();
    const waiting = watch.wait(FOREVER, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    await rings(watch, (n) => done(backend, submit(`t${n}`)));
  });

  check('a watch that was disposed of hears nothing, and takes nothing from the others', async ({ open }) => {
    const here = await open();
    const there = await open();
    const gone = there.watch({ role: ROLE });
    using before = there.watch({ role: ROLE });
    gone[Symbol.dispose]();
    await rings(before, (n) => done(here, submit(`t${n}`)));
    expect(await gone.wait(0)).toBe(false);
    before[Symbol.dispose]();
    using after = there.watch({ role: ROLE });
    await rings(after, (n) => done(here, submit(`u${n}`)));
  });

  check('disposing of a watch twice takes nothing from one that came later', async ({ open }) => {
    const here = await open();
    const there = await open();
    const gone = there.watch({ role: ROLE });
    gone[Symbol.dispose]();
    using later = there.watch({ role: ROLE });
    gone[Symbol.dispose]();
    await rings(later, (n) => done(here, submit(`t${n}`)));
  });
};

/**
 * Acts until the watch rings. A ring may be missed, so the act is repeated; that it is missed every time is what the
 * test is to find.
 */
async function rings(watch: Watch, act: (n: number) => Promise<unknown>): Promise<void> {
  let rung = false;
  const deadline = Date.now() + PATIENCE;
  for (let n = 0; !rung && Date.now() < deadline; n++) {
    await act(n);
    rung = await watch.wait(ONE_RING);
  }
  expect(rung).toBe(true);
}

/** Hears the rings of what went before, so that the next one is of what comes. */
async function settle(watch: Watch): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline && (await watch.wait(20)););
}
