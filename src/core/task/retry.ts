import type { AttemptOutcome, Task, TaskIn } from './task.ts';
import { spentAttempts } from './task.ts';

/** Exponential backoff. All durations in milliseconds. */
export interface Backoff {
  readonly base: number;
  readonly factor: number;
  readonly max: number;
  /**
   * The random variation of a wait, as a fraction: 0.2 is ±20 %. It prevents many tasks from being retried at the same
   * moment.
   */
  readonly jitter: number;
}

export const defaultBackoff: Backoff = { base: 10_000, factor: 2, max: 3_600_000, jitter: 0.2 };

/**
 * The wait of a task after several consecutive releases, so that other tasks of its role come first. The first {@link
 * FREE_HAND_BACKS} releases have no wait, because operators restart workers.
 */
export const handBackBackoff: Backoff = { base: 5_000, factor: 2, max: 300_000, jitter: 0.2 };

/** The number of consecutive releases after which a task is ready again at once. */
export const FREE_HAND_BACKS = 2;

export const DEFAULT_MAX_ATTEMPTS = 3;

/** The highest accepted number of attempts. */
const MOST_ATTEMPTS = 1_000_000;

/** Whether a value that comes from outside can be a number of attempts. */
export function isMaxAttempts(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_ATTEMPTS;
}

/**
 * The maximum number of starts of a task, unless a person retries it. Deferrals and releases do not count as attempts,
 * so without this limit they could repeat for ever and cost money.
 */
export const MAX_STARTS = 100;

/**
 * The wait before attempt n + 1, in whole milliseconds.
 * @param n the number of attempts so far, at least 1
 * @param random in [0, 1)
 */
export function backoffDelay(policy: Backoff, n: number, random: number): number {
  const growth = Math.min(policy.factor ** (n - 1), Number.MAX_SAFE_INTEGER); // infinity times 0 is NaN
  const middle = Math.min(policy.max, policy.base * growth);
  return Math.round(Math.min(policy.max, middle * (1 + policy.jitter * (2 * random - 1))));
}

export function maxAttempts(task: Task): number {
  return task.envelope.max_attempts ?? task.max_attempts ?? DEFAULT_MAX_ATTEMPTS;
}

/**
 * The attempt that holds the task, and how many attempts have counted so far, for people and agents. The number of an
 * attempt can be above the maximum: released, deferred and forgiven attempts have numbers too.
 */
export function describeAttempt(task: TaskIn<'working'>): string {
  return `attempt ${task.lease.attempt} (${spentAttempts(task)} of ${maxAttempts(task)} failures used)`;
}

/** Whether an attempt that counts and ends now is the last one. */
export function isLastAttempt(task: Task): boolean {
  return spentAttempts(task) + 1 >= maxAttempts(task) || startsUsedUp(task);
}

/** How many attempts have failed since the submit or the last retry from the dead letters. */
export function failedAttempts(task: Task): number {
  return task.attempts.slice(task.forgiven).filter((a) => a.outcome === 'failed').length;
}

export function startsUsedUp(task: Task): boolean {
  return task.attempts.length - task.forgiven >= MAX_STARTS;
}

/**
 * The wait after a release, in ms; undefined for no wait. From the third consecutive release on, the task waits and the
 * attempt is recorded as deferred. So releases and deferrals are counted together.
 */
export function handBackDelay(task: Task, random: number): number | undefined {
  const before = inARow(task, ['released', 'deferred']);
  return before < FREE_HAND_BACKS ? undefined : backoffDelay(handBackBackoff, before - FREE_HAND_BACKS + 1, random);
}

/** The number of latest consecutive attempts that ended with one of these outcomes. */
export function inARow(task: Task, outcomes: readonly AttemptOutcome[]): number {
  const ended = task.attempts.slice(task.forgiven).filter((a) => a.outcome !== undefined);
  return ended.length - 1 - ended.findLastIndex((a) => !outcomes.includes(a.outcome));
}
