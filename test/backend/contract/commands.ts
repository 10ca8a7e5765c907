import { expect } from 'vitest';
import type { TaskRequest } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  claimRequest,
  cancel,
  claimed,
  complete,
  dismiss,
  done,
  envelope,
  everything,
  evidence,
  fail,
  LEASE,
  MINUTE,
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

/** The effect of each command on one task, and the cases without an effect. */
export const commands: Theme = (check) => {
  check('a submitted task is queued and has the envelope and context of the submit', async ({ open, clock }) => {
    const backend = await open();
    const sent = envelope('a', { priority: 'high', ttl_seconds: 60, max_attempts: 5 });
    const context = evidence('context');
    const outcome = await commitOne(backend, requestOf('a', { type: 'submit', envelope: sent, context }));
    expect(outcome.changed).toBe(true);
    expect(outcome.refusal).toBeUndefined();
    expect(outcome.task).toEqual({
      id: 'a',
      envelope: sent,
      context,
      status: 'queued',
      ready_at: clock.now(),
      submitted_at: clock.now(),
      updated_at: clock.now(),
      attempts: [],
      forgiven: 0,
      refused: 0,
    });
    expect(await backend.task('a')).toEqual(outcome.task);
  });

  check('an unknown id has no task and no history', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    expect(await backend.task('b')).toBeUndefined();
    expect(await backend.history('b')).toEqual([]);
  });

  check('every command on an unknown task is refused as not found and creates no task', async ({ open }) => {
    const backend = await open();
    const requests: TaskRequest[] = [
      requestOf('a', { type: 'claim', worker: 'w', lease: LEASE }),
      renew('a', 1),
      complete('a', 1),
      fail('a', 1),
      release('a', 1),
      cancel('a'),
      requestOf('a', { type: 'acknowledge-cancel', by: ROLE, attempt: 1 }),
      retry('a'),
      dismiss('a'),
      requestOf('a', { type: 'elapse' }),
    ];
    for (const request of requests) {
      expect((await refused(backend, request, 'not-found')).task).toBeUndefined();
    }
    expect(await backend.task('a')).toBeUndefined();
    expect(await backend.list({ limit: 10 })).toEqual([]);
  });

  check('an identical second submit changes nothing', async ({ open, clock }) => {
    const backend = await open();
    const task = await done(backend, submit('a'));
    clock.advance(MINUTE);
    expect(await commitOne(backend, submit('a'))).toEqual({ task, changed: false });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted']);
  });

  check('a repeated submit does not change a task that was claimed since', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    const outcome = await commitOne(backend, submit('a'));
    expect(outcome).toMatchObject({ changed: false, task: { status: 'working' } });
    expect(outcome.refusal).toBeUndefined();
  });

  check('a repeated submit is no change, also if the task became due since', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { delay_seconds: 60 }));
    clock.advance(MINUTE);
    expect(await commitOne(backend, submit('a', { delay_seconds: 60 }))).toMatchObject({
      changed: false,
      task: { status: 'queued' },
    });
  });

  check('a submit with other content under the same id is refused and changes nothing', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    const before = await everything(backend);
    await refused(backend, submit('a', { instructions: 'something else' }), 'conflict');
    expect(await everything(backend)).toEqual(before);
  });

  check('a claim by id takes a lease, and a second claim by id is refused', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    const task = await done(backend, requestOf('a', { type: 'claim', worker: 'w', lease: LEASE }));
    expect(task).toMatchObject({
      status: 'working',
      lease: { attempt: 1, worker: 'w', expires_at: clock.now() + LEASE },
      attempts: [{ number: 1, worker: 'w', started_at: clock.now() }],
    });
    await refused(backend, requestOf('a', { type: 'claim', worker: 'v', lease: LEASE }), 'conflict');
    expect(await backend.task('a')).toEqual(task);
  });

  check('a renewal never shortens the lease, and keeps the last progress', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    clock.advance(MINUTE);
    const at = clock.now();
    await done(backend, renew('a', 1, { percent: 40, note: 'parsing' }));
    clock.advance(MINUTE);
    const longer = clock.now() + 60 * MINUTE;
    await done(backend, renew('a', 1, { lease: 60 * MINUTE }));
    expect(await done(backend, renew('a', 1, { lease: SECOND }))).toMatchObject({
      lease: { attempt: 1, expires_at: longer },
      progress: { percent: 40, note: 'parsing', at },
    });
  });

  check(
    'a renewal without a length has the length of the claim, also after a longer renewal',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'));
      await claimed(backend, { lease: 2 * SECOND });
      const expires_at = clock.now() + 2 * SECOND;
      clock.advance(SECOND);
      const as_claimed = { lease: LEASE, as_claimed: true };
      expect(await done(backend, renew('a', 1, as_claimed))).toMatchObject({
        lease: { expires_at: expires_at + SECOND, seconds: 2 },
      });
      const longer = await done(backend, renew('a', 1, { lease: MINUTE }));
      expect(longer).toMatchObject({ lease: { expires_at: clock.now() + MINUTE, seconds: 2 } });
      clock.advance(MINUTE - SECOND);
      expect(await done(backend, renew('a', 1, as_claimed))).toMatchObject({
        lease: { expires_at: clock.now() + 2 * SECOND },
      });
    },
  );

  check('a completion ends the task and records its summary and evidence', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    clock.advance(MINUTE);
    const completion = {
      summary: 'all good',
      result: evidence('result'),
      artifacts: [evidence('diff'), evidence('log')],
    };
    const task = await done(backend, complete('a', 1, completion));
    expect(task).toMatchObject({
      status: 'completed',
      completion: { attempt: 1, by: ROLE, at: clock.now(), ...completion },
      attempts: [{ number: 1, outcome: 'completed', ended_at: clock.now() }],
    });
    expect(await backend.task('a')).toEqual(task);
  });

  check(
    'a repeated completion changes nothing; a different one is refused, and the history records it',
    async ({ open }) => {
      const backend = await open();
      await done(backend, submit('a'));
      await claimed(backend);
      const task = await done(backend, complete('a', 1, { summary: 'first' }));
      expect(await commitOne(backend, complete('a', 1, { summary: 'first' }))).toEqual({ task, changed: false });
      await refused(backend, complete('a', 1, { summary: 'second' }), 'conflict');
      expect(await backend.task('a')).toMatchObject({ completion: { summary: 'first' }, refused: 1 });
      expect((await backend.history('a')).at(-1)).toMatchObject({ type: 'refused', command: 'complete', attempt: 1 });
    },
  );

  check('a repeat of an end from another role or worker is refused', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    await claimed(backend);
    await done(backend, complete('a', 1), fail('b', 1));
    for (const repeat of [complete('a', 1, { by: 'other' }), fail('b', 1, { by: 'other' })]) {
      expect((await refused(backend, repeat, 'conflict')).refusal!.message).not.toContain('other outcome');
    }
    for (const repeat of [complete('a', 1, { by: 'worker-1' }), fail('b', 1, { by: 'worker-1' })]) {
      expect(await commitOne(backend, repeat)).toMatchObject({ changed: false });
    }
  });

  check('a role can complete its task without a claim', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    expect(await done(backend, complete('a'))).toMatchObject({
      status: 'completed',
      attempts: [{ number: 1, worker: ROLE, outcome: 'completed' }],
    });
  });

  check('a completion without an expected artifact is refused, and the lease remains', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a', { expected_output: { artifacts: ['diff'] } }));
    const task = await claimed(backend);
    await refused(backend, complete('a', 1), 'missing-artifacts');
    expect(await backend.task('a')).toEqual(task);
    await done(backend, complete('a', 1, { artifacts: [evidence('diff')] }));
  });

  check(
    'a failure without a backoff is final; after a failure with a backoff the task waits for its next attempt',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'), submit('b'));
      await claimed(backend);
      await claimed(backend);
      expect(await done(backend, fail('a', 1, { reason: 'cannot be done' }))).toMatchObject({
        status: 'failed',
        reason: 'cannot be done',
        failed_at: clock.now(),
        attempts: [{ outcome: 'failed', reason: 'cannot be done' }],
      });
      const backoff = { base: MINUTE, factor: 2, max: LEASE, jitter: 0 };
      expect(await done(backend, fail('b', 1, { backoff, artifacts: [evidence('log')] }))).toMatchObject({
        status: 'scheduled',
        why: 'backoff',
        due_at: clock.now() + MINUTE,
        attempts: [{ outcome: 'failed', artifacts: [evidence('log')] }],
      });
    },
  );

  check('a repeated failure changes nothing', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    const task = await done(backend, fail('a', 1));
    expect(await commitOne(backend, fail('a', 1))).toEqual({ task, changed: false });
  });

  check('a released task is queued again, and the next claim has a new attempt number', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { max_attempts: 1 }));
    await claimed(backend);
    expect(await done(backend, release('a', 1))).toMatchObject({ status: 'queued', ready_at: clock.now() });
    expect(await claimed(backend, { worker: 'worker-2' })).toMatchObject({
      lease: { attempt: 2, worker: 'worker-2' },
      attempts: [{ number: 1, outcome: 'released', reason: 'not now' }, { number: 2 }],
    });
  });

  check('a cancellation takes effect at once, also for the worker that holds the task', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    expect(await done(backend, cancel('a', 'no longer needed'))).toMatchObject({
      status: 'cancelled',
      by: 'lead',
      reason: 'no longer needed',
      cancelled_at: clock.now(),
      attempts: [{ number: 1, outcome: 'cancelled' }],
    });
    for (const late of [renew('a', 1), complete('a', 1), fail('a', 1), release('a', 1)]) {
      await refused(backend, late, 'cancelled');
    }
    expect(await commitOne(backend, cancel('a'))).toMatchObject({ changed: false });
    await done(backend, cancel('b'));
    expect((await backend.claim(claimRequest())).task).toBeUndefined();
  });

  check(
    'the first acknowledgement that a cancelled attempt has stopped is recorded; a repeat changes nothing',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'));
      await claimed(backend);
      await done(backend, cancel('a'));
      clock.advance(SECOND);
      const gone = requestOf('a', { type: 'acknowledge-cancel', by: 'worker-1', attempt: 1 });
      expect(await done(backend, gone)).toMatchObject({ status: 'cancelled', stopped_at: clock.now() });
      clock.advance(SECOND);
      expect((await commitOne(backend, gone)).changed).toBe(false);
      await refused(backend, requestOf('a', { type: 'acknowledge-cancel', by: 'worker-1', attempt: 2 }), 'conflict');
    },
  );

  check('the log of an attempt that was cancelled, released or lost is recorded once', async ({ open, clock }) => {
    const backend = await open();
    const log = (name: string) => ({ artifacts: [evidence(name)] });
    const bring = (attempt: number, name: string) =>
      requestOf('a', { type: 'acknowledge-cancel', by: ROLE, attempt, ...log(name) });
    await done(backend, submit('a'));
    await claimed(backend);
    clock.advance(LEASE + SECOND);
    await claimed(backend);
    await refused(backend, requestOf('a', { type: 'acknowledge-cancel', by: ROLE, attempt: 1 }), 'conflict');
    await refused(backend, bring(2, 'log-2'), 'conflict');
    expect(await done(backend, bring(1, 'log-1'))).toMatchObject({ status: 'working', lease: { attempt: 2 } });
    expect((await commitOne(backend, bring(1, 'log-9'))).changed).toBe(false);
    await done(backend, release('a', 2, log('log-2')));
    await claimed(backend);
    await done(backend, cancel('a'));
    const task = await done(backend, bring(3, 'log-3'));
    expect(task.attempts.map((attempt) => attempt.outcome && [attempt.outcome, attempt.artifacts])).toEqual([
      ['lease-expired', [evidence('log-1')]],
      ['released', [evidence('log-2')]],
      ['cancelled', [evidence('log-3')]],
    ]);
    expect(task).toMatchObject({ stopped_at: clock.now() });
  });

  check(
    'a retried task is queued again; its attempts no longer count, and their numbers are not used again',
    async ({ open }) => {
      const backend = await open();
      await done(backend, submit('a', { max_attempts: 1 }));
      await refused(backend, retry('a'), 'conflict');
      await claimed(backend);
      await done(backend, fail('a', 1));
      expect(await done(backend, retry('a'))).toMatchObject({ status: 'queued', forgiven: 1 });
      expect(await claimed(backend)).toMatchObject({ lease: { attempt: 2 } });
      await refused(backend, complete('a', 1), 'conflict');
    },
  );

  check('only a dead letter can be dismissed, and its status stays failed', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await refused(backend, dismiss('a'), 'conflict');
    await done(backend, fail('a'));
    expect(await done(backend, dismiss('a'))).toMatchObject({ status: 'failed', dismissed_at: clock.now() });
    expect(await commitOne(backend, dismiss('a'))).toMatchObject({ changed: false });
  });

  check('only the role or the worker of a task may renew, release, complete or fail it', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    const task = await claimed(backend);
    for (const request of [renew('a', 1, { by: 'other' }), release('a', 1, { by: 'other' })]) {
      await refused(backend, request, 'usage');
    }
    expect(await backend.task('a')).toEqual(task);
    for (const request of [complete('a', 1, { by: 'other' }), fail('a', 1, { by: 'other' })]) {
      await refused(backend, request, 'usage');
    }
    expect(await backend.task('a')).toMatchObject({ status: 'working', lease: task.lease, refused: 0 });
  });

  check('text with control characters, quotes, emoji or a lone surrogate is stored unchanged', async ({ open }) => {
    const texts = [
      'line\nbreak\r\n\ttab \u0000 nul \u0007 bell \u001b[31m red \u007f',
      `'single' "double" \`back\` \\slash\\ %s _ ; DROP TABLE task; --`,
      'emoji 👩🏽‍💻 🇨🇭, bidi \u202egnp.exe\u202c, joined e\u0301, line \u2028 paragraph \u2029, mark \ufeff',
      'half of a pair: \ud83d, and the other half: \udc4d',
      '',
    ];
    const backend = await open();
    for (const [n, text] of texts.entries()) {
      const id = `a${n}`;
      const sent = envelope(id, { instructions: text, 'x-more': { [text]: [text, null, 1.5, true] } });
      await done(backend, requestOf(id, { type: 'submit', envelope: sent }));
      await claimed(backend);
      await done(backend, renew(id, 1, { note: text }), complete(id, 1, { summary: text, empty: text === '' }));
      const other = await open();
      expect(await other.task(id)).toMatchObject({ envelope: sent, completion: { summary: text } });
      expect((await other.list({ limit: 1 }))[0]!.envelope).toEqual(sent);
      const [submitted, , renewed, completed] = await other.history(id);
      expect(submitted).toMatchObject({ envelope: sent });
      expect(renewed).toMatchObject({ note: text });
      expect(completed).toMatchObject({ summary: text });
    }
  });

  check('a large envelope is stored unchanged', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a', { instructions: 'ü"\n'.repeat(10_000) }));
    expect((await backend.task('a'))!.envelope.instructions).toBe('ü"\n'.repeat(10_000));
  });
};
