import { AgentqError } from '../../../core/errors.ts';

/** How long to wait until what was confirmed comes by in the log, before it is published again, in ms. Doubled each time. */
export const RESEND = 2_000;

export function notShown(): AgentqError {
  const problem = 'the log does not show what the broker has confirmed';
  return new AgentqError('unreachable', problem, 'is its stream queue up?');
}

/**
 * Waits until what is published is confirmed and was seen, but for no longer than `ms`: a broker that has no room left
 * confirms nothing, and says nothing either. Both are needed: the one tells that every queue has it, the other that
 * the log does.
 * @returns undefined where it takes longer
 * @throws what either throws
 */
export function confirmedAndSeen<T>(seen: Promise<T>, published: Promise<void>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    Promise.all([seen, published])
      .then(([value]) => resolve(value), reject)
      .finally(() => clearTimeout(timer));
  });
}
