import type { Task } from './task.ts';
import { spentAttempts } from './task.ts';

/** Exponential backoff. All spans in milliseconds. */
export interface Backoff {
  readonly base: number;
  readonly factor: number;
  readonly max: number;
  /** How far a wait may stray from its middle, as a part of it: 0.2 is ±20 %. Keeps failures from marching in step. */
  readonly jitter: number;
}

export const defaultBackoff: Backoff = { base: 10_000, factor: 2, max: 3_600_000, jitter: 0.2 };

/**
 * The wait of a task that was handed back several times in a row, so that the others of its role come first. The first
 * {@link FREE_HAND_BACKS} have none: operators restart workers.
 */
export const handBackBackoff: Backoff = { base: 5_000, factor: 2, max: 300_000, jitter: 0.2 };

/** How often in a row a task can be handed back and is ready again at once. */
export const FREE_HAND_BACKS = 2;

export const DEFAULT_MAX_ATTEMPTS = 3;

/** The highest number of attempts that is believed. */
const MOST_ATTEMPTS = 1_000_000;

/** Whether a value that comes from outside can be a number of attempts. */
export function isMaxAttempts(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_ATTEMPTS;
}

/**
 * However its attempts end, no task is begun more often than this without a person looking at it: deferrals and
 * hand-backs are free, and must not become a loop that burns money.
 */
export const MAX_STARTS = 100;

/**
 * The wait before attempt n + 1, in whole milliseconds.
 * @param n how many attempts came before, at least 1
 * @param random in [0, 1)
 */
export function backoffDelay(policy: Backoff, n: number, random: number): number {
  const growth = Math.min(policy.factor ** (n - 1), Number.MAX_SAFE_INTEGER); // infinity times 0 is no number
  const middle = Math.min(policy.max, policy.base * growth);
  return Math.round(Math.min(policy.max, middle * (1 + policy.jitter * (2 * random - 1))));
}

export function maxAttempts(task: Task): number {
  return task.envelope.max_attempts ?? task.max_attempts ?? DEFAULT_MAX_ATTEMPTS;
}

/** Whether an attempt that counts, and ends now, is the last. */
export function isLastAttempt(task: Task): boolean {
  return spentAttempts(task) + 1 >= maxAttempts(task) || startsUsedUp(task);
}

export function startsUsedUp(task: Task): boolean {
  return task.attempts.length - task.forgiven >= MAX_STARTS;
}
