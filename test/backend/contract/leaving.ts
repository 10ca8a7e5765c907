import { expect } from 'vitest';
import type { Theme } from './harness.ts';
import { claimed, complete, done, idsOf, LEASE, nothingToClaim, QUEUE, submit } from './checked-requests.ts';

/** A process that is about to end (`leave`), or that closes its connection. */
export const leaving: Theme = (check) => {
  for (const how of ['leave', 'close'] as const) {
    check(`${how} keeps what was committed, and its result message`, async ({ open }) => {
      const here = await open();
      const there = await open();
      await done(here, submit('a'), submit('b'), complete('a'));
      await here[how]();
      expect(await there.task('a')).toMatchObject({ status: 'completed' });
      expect(await there.task('b')).toMatchObject({ status: 'queued' });
      expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['a']);
    });

    check(`${how} keeps the lease of a claim, so that another command can end the attempt`, async ({ open, clock }) => {
      const here = await open();
      const there = await open();
      await done(here, submit('a'));
      const { lease } = await claimed(here);
      await here[how]();
      await nothingToClaim(there, { worker: 'worker-2' });
      expect(await done(there, complete('a', lease.attempt))).toMatchObject({ status: 'completed' });
      expect(lease.expires_at).toBe(clock.now() + LEASE);
    });

    check(
      `after ${how}, other readers get the messages that were taken but not acknowledged`,
      async ({ open, clock }) => {
        const here = await open();
        const there = await open();
        await done(here, submit('a'), complete('a'));
        expect((await here.take(QUEUE, 1)).tasks).toHaveLength(1);
        await here[how]();
        clock.advance(LEASE);
        expect(await idsOf(there.inbox(QUEUE, 10))).toEqual(['a']);
      },
    );

    check(`${how} is possible before any request`, async ({ open }) => {
      const idle = await open();
      await idle[how]();
      await done(await open(), submit('a'));
    });
  }

  check('close is possible after leave', async ({ open }) => {
    const here = await open();
    await done(here, submit('a'));
    await here.leave();
    await here.close();
    expect(await (await open()).task('a')).toMatchObject({ status: 'queued' });
  });
};
