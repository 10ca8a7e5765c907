import { expect } from 'vitest';
import type { Theme } from './harness.ts';
import { claimed, done, LEASE, MINUTE, nothingToClaim, submit } from './checked-requests.ts';

/** What a caller learns about the backend itself: whether it is reachable (`away`), and its clock (`now`). */
export const reachability: Theme = (check) => {
  check('a backend that answers is not away', async ({ open }) => {
    const backend = await open();
    expect(backend.away).toBe(false);
    await done(backend, submit('a'));
    expect(backend.away).toBe(false);
    await claimed(backend);
    expect(backend.away).toBe(false);
  });

  check('an outage makes a backend away, until it answers again', async ({ open, outage }) => {
    // The queue is a local file: it has no outage.
    if (!outage) return expect((await open()).away).toBe(false);
    const { backend, begin, end } = await outage();
    await done(backend, submit('a'));
    await begin();
    // A request finds the outage, and waits for its end.
    const asked = backend.task('a');
    await expect.poll(() => backend.away, { timeout: 20_000 }).toBe(true);
    await end();
    expect(await asked).toMatchObject({ id: 'a' });
    expect(backend.away).toBe(false);
  });

  check('`now` is the clock that the backend decides by', async ({ open, clock }) => {
    const backend = await open();
    expect(backend.now).toBe(clock.now());
    clock.advance(MINUTE);
    expect(await done(backend, submit('a'))).toMatchObject({ submitted_at: backend.now });
    const { lease } = await claimed(backend);
    expect(lease.expires_at - backend.now).toBe(LEASE);
    expect((await nothingToClaim(backend)).next_due! - backend.now).toBe(LEASE);
  });
};
