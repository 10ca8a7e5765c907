import { AgentqError } from '../../../core/errors.ts';

/**
 * How long to wait until a confirmed message appears in the log, before it is published again, in ms. Doubled each
 * time.
 */
export const RESEND = 2_000;

export function notShown(): AgentqError {
  const problem = 'the log does not show what the broker has confirmed';
  return new AgentqError('unreachable', problem, 'is its stream queue up?');
}

/**
 * Waits until a message is confirmed and has appeared in the log, for at most `ms`: a broker without free space sends
 * neither a confirm nor an error. Both are needed: the confirm proves that every queue has the message, its appearance
 * that the log has it.
 * @returns undefined if it takes longer
 * @throws the error of either promise
 */
export function confirmedAndSeen<T>(seen: Promise<T>, published: Promise<void>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    Promise.all([seen, published])
      .then(([value]) => resolve(value), reject)
      .finally(() => clearTimeout(timer));
  });
}
