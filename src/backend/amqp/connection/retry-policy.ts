import { isComingUp, isFinal } from './broker-error.ts';

/**
 * When to try again, and for how long. Pure: times are in ms, by monotonic(); `random` is in [0, 1).
 *
 * Each round tries every host of the URL once. Between two rounds is a wait. It grows, and has a random part so that
 * workers do not connect all at once.
 */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 1_000;

/** The time-out of one try to connect, in ms. */
const LONGEST_TRY = 10_000;

/** The same in the first round if there are other hosts to try; it doubles with each round. */
const FIRST_TRY_OF_SEVERAL = 2_000;

/** How often to check whether the broker's queues are available, in ms. */
const COMING_UP = 200;

/** How long a request waits if an earlier wait failed, in ms. */
const SHORT_PATIENCE = 500;

/**
 * The time-out of the next try to connect, in ms. With several hosts, one that does not answer must leave time for the
 * others.
 * @param round 0 for the first
 * @param hosts how many hosts this round has yet to try, and how many there are
 * @param left the time up to the deadline; Infinity if there is none
 */
export function connectTimeout(
  round: number,
  hosts: { readonly untried: number; readonly all: number },
  left: number,
): number {
  const longest = hosts.all === 1 ? LONGEST_TRY : Math.min(LONGEST_TRY, FIRST_TRY_OF_SEVERAL * 2 ** round);
  return Math.max(1, Math.min(longest, left / hosts.untried));
}

export type AfterRound =
  | { readonly next: 'round'; readonly wait: number }
  /** The deadline is over before another round. */
  | { readonly next: 'give-up' }
  /** The broker refuses, and would refuse again. */
  | { readonly next: 'fail'; readonly host: number };

/**
 * @param errors of every host, in the order of the tries. One host that refuses is enough: users and virtual hosts are
 *   the same on all nodes of a cluster
 */
export function afterRound(errors: readonly unknown[], round: number, left: number, random: number): AfterRound {
  const host = errors.findIndex(isFinal);
  if (host !== -1) return { next: 'fail', host };
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** round) * (0.5 + random);
  return wait < left ? { next: 'round', wait } : { next: 'give-up' };
}

export type AfterRequest =
  | { readonly next: 'repeat'; readonly wait: number }
  | { readonly next: 'give-up' }
  /** The broker has answered the request with an error. */
  | { readonly next: 'fail' };

/** What follows after a request has failed. @param lost whether its connection was lost */
export function afterRequest(error: unknown, lost: boolean, left: number): AfterRequest {
  if (!lost && !isComingUp(error)) return { next: 'fail' };
  if (left <= 0) return { next: 'give-up' };
  return { next: 'repeat', wait: lost ? 0 : COMING_UP };
}

/** How long a request waits for the broker, in ms. @param gaveUp whether a wait has failed since its last answer */
export function patienceOf(patience: number, gaveUp: boolean): number {
  return gaveUp ? Math.min(SHORT_PATIENCE, patience) : patience;
}
