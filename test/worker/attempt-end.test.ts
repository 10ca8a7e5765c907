import { describe, expect, test } from 'vitest';
import {
  type AttemptEnd,
  type ChildEnd,
  endAfterError,
  endOfChild,
  endOfError,
  processesToEnd,
  type RunEnd,
} from '../../src/app/worker/attempt-end.ts';
import type { Blame } from '../../src/app/worker/blame.ts';
import { AgentqError, type ErrorCode } from '../../src/core/errors.ts';

describe('the end of a child decides what the worker reports to the queue', () => {
  const result = { summary: 'all good' };
  const children: [ChildEnd, AttemptEnd][] = [
    [
      { kind: 'succeeded', result },
      { tell: 'complete', result },
    ],
    [
      { kind: 'no-result', problem: 'gone' },
      { tell: 'fail', reason: 'gone', retry: true },
    ],
    [
      { kind: 'exited', code: 1, complaint: undefined },
      { tell: 'fail', reason: 'exit 1', retry: true },
    ],
    [
      { kind: 'exited', code: 2, complaint: 'no disk' },
      { tell: 'fail', reason: 'exit 2: no disk', retry: true },
    ],
    [
      { kind: 'exited', code: 75, complaint: 'too early' },
      { tell: 'release', reason: 'exit 75: too early', backoff: true },
    ],
    [
      { kind: 'signalled', signal: 'SIGSEGV', complaint: undefined },
      { tell: 'fail', reason: 'ended by SIGSEGV', retry: true },
    ],
    [
      { kind: 'ended-itself', outcome: { outcome: 'retrying', reason: 'no' } },
      { tell: 'nothing', known: { outcome: 'retrying', reason: 'no' } },
    ],
    [{ kind: 'stopped', why: 'cancelled' }, { tell: 'acknowledge-cancel' }],
    [{ kind: 'stopped', why: 'lease-lost' }, { tell: 'nothing' }],
    [
      { kind: 'stopped', why: 'timeout' },
      { tell: 'fail', reason: 'it took longer than its timeout', retry: true },
    ],
    [
      { kind: 'stopped', why: 'handed-back' },
      { tell: 'release', reason: 'its worker was stopped', backoff: false },
    ],
  ];

  test.for(children)('%o', ([child, end]) => expect(endOfChild(child)).toEqual(end));

  test.for<ChildEnd>([
    { kind: 'not-started', problem: 'ENOENT' },
    { kind: 'output-lost', problem: 'ENOSPC' },
  ])('$kind returns the task and ends the worker', (child) => {
    const end = endOfChild(child);
    expect(end).toMatchObject({ tell: 'release', backoff: false, fault: { code: 'storage' }, final: true });
    expect(end.tell === 'release' && end.reason).toBe(`its worker cannot work: ${end.fault!.message}`);
  });
});

describe('which processes are ended after the run', () => {
  const ends: [RunEnd, 'group' | 'all', number][] = [
    [{ kind: 'exited', code: 0 }, 'group', 10_000],
    [{ kind: 'signalled', signal: 'SIGKILL' }, 'group', 10_000],
    [{ kind: 'not-started', problem: 'ENOENT' }, 'group', 10_000],
    [{ kind: 'output-lost', problem: 'ENOSPC' }, 'all', 10_000],
    [{ kind: 'stopped', why: 'cancelled' }, 'all', 10_000],
    [{ kind: 'stopped', why: 'lease-lost' }, 'all', 10_000],
    [{ kind: 'stopped', why: 'timeout' }, 'all', 10_000],
    [{ kind: 'stopped', why: 'handed-back' }, 'all', 2_000],
  ];

  test.for(ends)('%o: %s, %d ms', ([end, which, grace]) =>
    expect(processesToEnd(end, 10_000)).toEqual({ which, grace }),
  );

  test('a returned task gets no longer grace time than configured', () => {
    expect(processesToEnd({ kind: 'stopped', why: 'handed-back' }, 500).grace).toBe(500);
  });
});

describe('the next step after the queue could not be told', () => {
  const machine: Blame = { on: 'machine', error: new Error('no disk') };
  const attempt: Blame = { on: 'attempt', reason: 'too long', retry: true };
  const complete: AttemptEnd = { tell: 'complete', result: {} };
  const fail: AttemptEnd = { tell: 'fail', reason: 'exit 1', retry: true };
  const release: AttemptEnd = { tell: 'release', reason: 'stopped', backoff: false };
  const fault: AttemptEnd = endOfError(machine);
  const error = (code: ErrorCode) => new AgentqError(code, `it is ${code}`);

  const brokers: ErrorCode[] = ['unreachable', 'outcome-unknown', 'denied', 'topology'];
  test.for(brokers)('%s: reported later', (code) => {
    const after = (end: AttemptEnd) => endAfterError(end, error(code), machine, 0);
    expect(after(complete)).toEqual({ tell: 'later', change: complete, why: `it is ${code}` });
    expect(after(fail)).toEqual({ tell: 'later', change: fail, why: `it is ${code}` });
    expect(after(release)).toEqual({ tell: 'later', why: `it is ${code}` });
  });

  test.for([complete, fail, release])('the attempt no longer holds its task: $tell', (end) => {
    expect(endAfterError(end, error('cancelled'), attempt, 0)).toEqual({ tell: 'acknowledge-cancel' });
    expect(endAfterError(end, error('conflict'), attempt, 0)).toEqual({ tell: 'nothing' });
  });

  test.for(['busy', 'storage'] as const)('%s: repeated a limited number of times', (code) => {
    expect(endAfterError(complete, error(code), machine, 29)).toBe(complete);
    expect(endAfterError(complete, error(code), machine, 30)).toEqual(fault);
    expect(endAfterError(complete, error(code), attempt, 0)).toEqual(endOfError(attempt));
  });

  test.for([complete, fail, release])('any other error decides on the attempt: $tell', (end) => {
    expect(endAfterError(end, new TypeError('x'), attempt, 0)).toEqual({
      tell: 'fail',
      reason: 'too long',
      retry: true,
      final: true,
    });
    expect(endAfterError(end, error('corrupt'), machine, 0)).toEqual(fault);
  });

  test('a second error does not replace the first', () => {
    expect(endAfterError(endOfError(attempt), new TypeError('x'), attempt, 0)).toBeUndefined();
    expect(endAfterError(fault, error('corrupt'), machine, 0)).toBeUndefined();
  });

  test('a worker that cannot work ends after every error', () => {
    for (const code of ['conflict', 'cancelled', 'unreachable', 'busy'] as const) {
      expect(endAfterError(fault, error(code), machine, 0)).toMatchObject({ fault: fault.fault, final: true });
    }
  });
});
