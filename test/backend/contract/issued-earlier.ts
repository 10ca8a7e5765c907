import { expect } from 'vitest';
import type { TaskRequest } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  done,
  fail,
  LEASE,
  MINUTE,
  refused,
  renew,
  submit,
  commitOne,
} from './checked-requests.ts';

const issued = (request: TaskRequest, at: number): TaskRequest => ({ ...request, at });

/** A command that was issued earlier than the backend received it (`at`). */
export const issuedEarlier: Theme = (check) => {
  check('the time of a submit is the time when it was issued', async ({ open, clock }) => {
    const backend = await open();
    const at = clock.now() - MINUTE;
    expect(await done(backend, issued(submit('a', { delay_seconds: 90 }), at))).toMatchObject({
      submitted_at: at,
      due_at: at + 90_000,
    });
  });

  check(
    'a completion that was issued during the lease is accepted after the end of the lease',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'));
      const { lease } = await claimed(backend);
      const at = clock.now() + MINUTE;
      clock.advance(LEASE + MINUTE);
      expect(await done(backend, issued(complete('a', lease.attempt), at))).toMatchObject({
        status: 'completed',
        completion: { attempt: 1, at },
      });
    },
  );

  check('a completion that was issued during the lease is refused after another claim', async ({ open, clock }) => {
    const backend = await open();
    const other = await open();
    await done(backend, submit('a'));
    const { lease } = await claimed(backend);
    const at = clock.now() + MINUTE;
    clock.advance(LEASE);
    await claimed(other, { worker: 'worker-2' });
    await refused(backend, issued(complete('a', lease.attempt), at), 'conflict');
    expect(await other.task('a')).toMatchObject({ status: 'working', lease: { worker: 'worker-2' } });
  });

  check('the time of a command is never later than now', async ({ open, clock }) => {
    const backend = await open();
    const start = clock.now();
    expect(await done(backend, issued(submit('a'), start + MINUTE))).toMatchObject({ submitted_at: start });
  });

  check('a command with a time in the future does not end a current lease', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    const { lease } = await claimed(backend);
    const later = clock.now() + 2 * LEASE;
    expect(await done(backend, issued(renew('a', lease.attempt), later))).toMatchObject({
      status: 'working',
      lease: { attempt: 1 },
      attempts: [{ number: 1 }],
    });
  });

  check('the time of a command is never before the last event of its task', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    clock.advance(MINUTE);
    const claimedAt = clock.now();
    const { lease } = await claimed(backend);
    clock.advance(MINUTE);
    const early = issued(fail('a', lease.attempt), claimedAt - MINUTE);
    expect(await done(backend, early)).toMatchObject({ status: 'failed', failed_at: claimedAt });
  });

  check('each command of a batch has its own time', async ({ open, clock }) => {
    const backend = await open();
    const [one, two] = [clock.now() - 2 * MINUTE, clock.now() - MINUTE];
    const outcomes = await backend.commit([issued(submit('a'), one), issued(submit('b'), two), submit('c')]);
    expect(outcomes.map(({ task }) => task?.submitted_at)).toEqual([one, two, clock.now()]);
  });

  check('a repeated command changes nothing, also if it has another time', async ({ open, clock }) => {
    const backend = await open();
    const at = clock.now() - MINUTE;
    await done(backend, issued(submit('a'), at), issued(cancel('a'), at));
    clock.advance(MINUTE);
    for (const request of [submit('a'), cancel('a')]) {
      expect(await commitOne(backend, issued(request, at))).toMatchObject({
        changed: false,
        task: { submitted_at: at },
      });
    }
  });
};
