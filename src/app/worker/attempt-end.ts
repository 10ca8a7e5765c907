import { AgentqError, isBrokers } from '../../core/errors.ts';
import type { CompleteRequest } from '../change/complete.ts';
import type { Outcome } from './attempt-report.ts';
import type { Blame } from './blame.ts';
import type { Exit } from './processes/process-group.ts';

/** EX_TEMPFAIL of sysexits.h: the child asks for a later try that does not count as an attempt. */
const TRY_LATER = 75;

/** How often a change is tried again if the store cannot be written. */
const MOST_TRIES = 30;

/** How long a child may run after SIGTERM when its task is released, in ms. */
const HAND_BACK_GRACE = 2_000;

/** The reason for stopping a child before it ends by itself. */
export type StopReason = 'cancelled' | 'lease-lost' | 'timeout' | 'handed-back';

/** Why the run of a child is over: it was stopped, its output could not be saved, or it ended by itself. */
export type RunEnd =
  | { readonly kind: 'stopped'; readonly why: StopReason }
  | { readonly kind: 'output-lost'; readonly problem: string }
  | Exit;

/** The result of a child, as far as it has one. */
export type ChildResult = Pick<CompleteRequest, 'resultFile' | 'summary'>;

/** What a child did, with all facts that decide on its attempt. */
export type ChildEnd =
  | Exclude<RunEnd, { kind: 'exited' | 'signalled' }>
  /** It ended its attempt itself, with agentq complete, fail or release. */
  | { readonly kind: 'ended-itself'; readonly outcome: Outcome }
  /** Exit code 0. */
  | { readonly kind: 'succeeded'; readonly result: ChildResult }
  /** Exit code 0, but its result cannot be used. */
  | { readonly kind: 'no-result'; readonly problem: string }
  /** @param complaint the line of its output that names the reason; undefined if there is none */
  | ({ readonly complaint: string | undefined } & Extract<Exit, { kind: 'exited' | 'signalled' }>);

export type Complete = { readonly tell: 'complete'; readonly result: ChildResult };
export type Fail = { readonly tell: 'fail'; readonly reason: string; readonly retry: boolean };

/** The end of an attempt: what to tell the queue, and whether the worker ends too. */
export type AttemptEnd = (
  | Complete
  | Fail
  /** @param backoff whether the task must wait before its next attempt */
  | { readonly tell: 'release'; readonly reason: string; readonly backoff: boolean }
  /** That no process of the cancelled attempt is left. */
  | { readonly tell: 'acknowledge-cancel' }
  /** Nothing to tell: the attempt no longer holds its task. @param known the outcome; if absent, the queue knows it */
  | { readonly tell: 'nothing'; readonly known?: Outcome }
  /** To be told after the outage. @param change absent if the end of the lease has the same effect */
  | { readonly tell: 'later'; readonly change?: Complete | Fail; readonly why: string }
) & {
  /** The worker cannot do any task. It ends with this error after the queue was told. */
  readonly fault?: Error;
  /** It follows from an error. Another error does not replace it. */
  readonly final?: true;
};

/** Which processes of an attempt to end after the run, and how long they have between SIGTERM and SIGKILL, in ms. */
export function processesToEnd(end: RunEnd, killGrace: number): { which: 'group' | 'all'; grace: number } {
  // A child that ends by itself may leave a daemon. A stopped child may not.
  if (end.kind !== 'stopped' && end.kind !== 'output-lost') return { which: 'group', grace: killGrace };
  const handedBack = end.kind === 'stopped' && end.why === 'handed-back';
  return { which: 'all', grace: handedBack ? Math.min(killGrace, HAND_BACK_GRACE) : killGrace };
}

/** The end of an attempt whose child has run. */
export function endOfChild<K extends ChildEnd['kind']>(child: ChildEnd & { readonly kind: K }): AttemptEnd {
  return ends[child.kind](child);
}

const ends: { readonly [K in ChildEnd['kind']]: (child: ChildEnd & { readonly kind: K }) => AttemptEnd } = {
  stopped: ({ why }) => stops[why],
  'ended-itself': ({ outcome }) => ({ tell: 'nothing', known: outcome }),
  succeeded: ({ result }) => ({ tell: 'complete', result }),
  'no-result': ({ problem }) => ({ tell: 'fail', reason: problem, retry: true }),
  exited: (child) =>
    child.code === TRY_LATER
      ? { tell: 'release', reason: because(child), backoff: true }
      : { tell: 'fail', reason: because(child), retry: true },
  signalled: (child) => ({ tell: 'fail', reason: because(child), retry: true }),
  'output-lost': ({ problem }) => endOfFault(new AgentqError('storage', `its output cannot be saved: ${problem}`)),
  'not-started': ({ problem }) =>
    endOfFault(new AgentqError('storage', `its program cannot be started: ${problem}`, 'is it still there?')),
};

const stops: Readonly<Record<StopReason, AttemptEnd>> = {
  cancelled: { tell: 'acknowledge-cancel' },
  'lease-lost': { tell: 'nothing' },
  timeout: { tell: 'fail', reason: 'it took longer than its timeout', retry: true },
  'handed-back': { tell: 'release', reason: 'its worker was stopped', backoff: false },
};

function because({ complaint, ...exit }: Extract<ChildEnd, { kind: 'exited' | 'signalled' }>): string {
  const how = exit.kind === 'exited' ? `exit ${exit.code}` : `ended by ${exit.signal}`;
  return complaint === undefined ? how : `${how}: ${complaint}`;
}

/** The end of an attempt that an error has ended. */
export function endOfError(blame: Blame): AttemptEnd {
  if (blame.on === 'machine') return endOfFault(blame.error);
  return { tell: 'fail', reason: blame.reason, retry: blame.retry, final: true };
}

/** The next task would fail in the same way: the task returns to the queue without a counted attempt. */
function endOfFault(fault: Error): AttemptEnd {
  return { tell: 'release', reason: `its worker cannot work: ${fault.message}`, backoff: false, fault, final: true };
}

/**
 * What to do after the queue could not be told the end of an attempt.
 * @param blame the cause of the error
 * @param tries how often the same end was tried before
 * @returns the same end, to be tried again after a pause; another end to tell instead; undefined if none is left
 */
export function endAfterError(end: AttemptEnd, error: unknown, blame: Blame, tries: number): AttemptEnd | undefined {
  const { fault, final } = end;
  const kept = { ...(fault && { fault }), ...(final && { final }) };
  if (error instanceof AgentqError && (end.tell === 'complete' || end.tell === 'fail' || end.tell === 'release')) {
    const { code, message } = error;
    if (isBrokers(error))
      return { tell: 'later', ...(end.tell !== 'release' && { change: end }), why: message, ...kept };
    if (code === 'cancelled') return { tell: 'acknowledge-cancel', ...kept };
    if (code === 'conflict') return { tell: 'nothing', ...kept };
    // The work is already done, so a store that cannot be written for a while must not discard it.
    if ((code === 'busy' || code === 'storage') && tries < MOST_TRIES && blame.on === 'machine') return end;
  }
  return final ? undefined : endOfError(blame);
}
