import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { Backend } from '../../../src/backend/backend.ts';
import type { Command } from '../../../src/core/task/decision/command.ts';
import { decide } from '../../../src/core/task/decision/decide.ts';
import type { Event } from '../../../src/core/task/event.ts';
import type { Task } from '../../../src/core/task/task.ts';
import type { Clock, Theme } from './harness.ts';
import {
  claimed,
  complete,
  done,
  envelope,
  evidence,
  fail,
  fold,
  LEASE,
  MINUTE,
  refused,
  release,
  renew,
  retry,
  ROLE,
  SECOND,
  submit,
  commitOne,
} from './checked-requests.ts';

/** The log contains every event of a task in order, and the task is the fold of its events. */
export const history: Theme = (check) => {
  check('the history of a task contains all its events in order', async ({ open, clock }) => {
    const backend = await open();
    const expected: unknown[] = [];
    const base = () => ({ v: 1, task_id: 'a', at: clock.now() });
    const granted = (worker: string) => ({
      type: 'claimed',
      worker,
      expires_at: clock.now() + LEASE,
      lease_seconds: LEASE / 1_000,
    });
    const backoff = { base: MINUTE, factor: 2, max: LEASE, jitter: 0 };

    await done(backend, submit('a', { delay_seconds: 60, max_attempts: 2 }));
    const first = envelope('a', { delay_seconds: 60, max_attempts: 2 });
    expected.push({ ...base(), type: 'submitted', envelope: first, due_at: clock.now() + MINUTE });
    clock.advance(MINUTE);
    expected.push({ ...base(), type: 'became-due' });
    await claimed(backend);
    expected.push({ ...base(), ...granted('worker-1'), attempt: 1 });
    clock.advance(SECOND);
    await done(backend, renew('a', 1, { percent: 10 }));
    expected.push({ ...base(), type: 'renewed', attempt: 1, expires_at: clock.now() + LEASE, percent: 10 });
    await done(backend, release('a', 1));
    expected.push({ ...base(), type: 'released', attempt: 1, by: ROLE, reason: 'not now' });
    await claimed(backend, { worker: 'worker-2' });
    expected.push({ ...base(), ...granted('worker-2'), attempt: 2 });
    clock.advance(LEASE);
    expected.push({ ...base(), type: 'lease-expired', attempt: 2, final: false });
    await claimed(backend);
    expected.push({ ...base(), ...granted('worker-1'), attempt: 3 });
    const { refusal } = await refused(backend, complete('a', 2), 'conflict');
    const reason = refusal!.message;
    expected.push({ ...base(), type: 'refused', command: 'complete', by: ROLE, attempt: 2, reason });
    await done(backend, fail('a', 3, { backoff, artifacts: [evidence('log')] }));
    const failed = { type: 'attempt-failed', by: ROLE, reason: 'it broke', retry_at: null };
    expected.push({ ...base(), ...failed, attempt: 3, artifacts: [evidence('log')] });
    await done(backend, retry('a'));
    expected.push({ ...base(), type: 'retried', by: 'lead' });
    await claimed(backend);
    expected.push({ ...base(), ...granted('worker-1'), attempt: 4 });
    await done(backend, complete('a', 4, { summary: 'at last' }));
    expected.push({ ...base(), type: 'completed', attempt: 4, by: ROLE, summary: 'at last', artifacts: [] });

    for (const connection of [backend, await open()]) {
      // A broker's claim also names the priority of its token.
      const events = (await connection.history('a')).map((event) =>
        event.type === 'claimed' ? { ...event, priority: undefined } : event,
      );
      expect(events).toEqual(expected);
    }
    expect(fold(await backend.history('a'))).toEqual(await backend.task('a'));
  });

  check('the history of a task contains no event of another task', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    await done(backend, complete('b'), complete('a', 1));
    for (const id of ['a', 'b']) {
      const events = await backend.history(id);
      expect(new Set(events.map((event) => event.task_id))).toEqual(new Set([id]));
      expect(events[0]!.type).toBe('submitted');
      expect(events.at(-1)!.type).toBe('completed');
    }
  });

  check('the log records at most 100 refused completions of a task', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), complete('a'));
    for (let n = 0; n < 120; n++) await refused(backend, complete('a', 1, { summary: `again ${n}` }), 'conflict');
    expect(await backend.history('a')).toHaveLength(2 + 100);
  });

  check('after random commands the backend has the state and events of the state machine', async ({ open, clock }) => {
    const backend = await open();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        await walk(backend, clock, `walk-${runs++}`, steps);
      }),
      { seed: 20_270_131, numRuns: 15, interruptAfterTimeLimit: 10_000 },
    );
    expect(runs).toBeGreaterThan(0);
    expect(await backend.audit(false)).toEqual([]);
  });
};

type Step = Exclude<Command, { type: 'submit' }> | { readonly type: 'advance'; readonly ms: number };

/** Without jitter, so that decisions do not depend on the randomness of the backend. */
const backoff = fc.constantFrom(undefined, { base: MINUTE, factor: 2, max: LEASE, jitter: 0 });
const attempt = fc.constantFrom(undefined, 1, 2, 3);
const by = fc.constantFrom(ROLE, ROLE, ROLE, 'worker-1', 'other');
const sender = { by, attempt };
const text = fc.constantFrom('yes', 'no');

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant('claim' as const),
    worker: fc.constantFrom('worker-1', 'worker-2'),
    lease: fc.constant(LEASE),
  }),
  fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(SECOND, MINUTE, LEASE) }),
  fc.record({ type: fc.constant('renew' as const), lease: fc.constant(LEASE), note: text, ...sender }),
  fc.record({ type: fc.constant('complete' as const), summary: text, artifacts: fc.constant([]), ...sender }),
  fc
    .record({ reason: text, backoff, ...sender })
    .map(({ backoff, ...rest }) => ({ type: 'fail' as const, artifacts: [], ...rest, ...(backoff && { backoff }) })),
  fc
    .record({ reason: text, backoff, ...sender })
    .map(({ backoff, ...rest }) => ({ type: 'release' as const, ...rest, ...(backoff && { backoff }) })),
  fc.record({ type: fc.constant('cancel' as const), by: fc.constant('lead') }),
  fc.record({ type: fc.constant('acknowledge-cancel' as const), by, attempt: fc.constantFrom(1, 2) }),
  fc.record({ type: fc.constantFrom('retry' as const, 'dismiss' as const), by: fc.constant('lead') }),
);

/** Applies the steps to a task of the backend and to a model, which is only the state machine, and compares both. */
async function walk(backend: Backend, clock: Clock, id: string, steps: readonly Step[]): Promise<void> {
  let task: Task | undefined;
  const events: Event[] = [];
  const applyToModel = (command: Command) => {
    const decision = decide(task, command, { now: clock.now(), random: () => 0 });
    task = decision.task;
    events.push(...decision.events);
    return decision;
  };
  const submission = submit(id, { ttl_seconds: 600, max_attempts: 2 });
  applyToModel(submission.command);
  await done(backend, submission);
  for (const step of steps) {
    if (step.type === 'advance') {
      clock.advance(step.ms);
      applyToModel({ type: 'elapse' });
      expect(await backend.task(id)).toEqual(task);
      continue;
    }
    const decision = applyToModel(step);
    const outcome = await commitOne(backend, { task_id: id, command: step });
    expect(outcome.task).toEqual(task);
    expect(outcome.refusal).toEqual(decision.refusal);
    expect(outcome.changed).toBe(decision.refusal === undefined && decision.events.length > 0);
  }
  const recorded = await backend.history(id);
  expect(recorded).toEqual(JSON.parse(JSON.stringify(events)));
  expect(fold(recorded)).toEqual(await backend.task(id));
}
