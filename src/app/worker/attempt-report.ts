/** Why a child is stopped before it ends by itself. */
export type StopReason = 'cancelled' | 'lease-lost' | 'timeout' | 'handed-back' | 'worker-fault';

/**
 * What can become of an attempt. `kept`: it has ended, and the queue can't be told yet; the outbox holds what it will be
 * told.
 */
export const outcomes = [
  'completed',
  'failed',
  'retrying',
  'deferred',
  'cancelled',
  'lease-lost',
  'handed-back',
  'kept',
] as const;

/** What became of an attempt. */
export interface AttemptReport {
  readonly id: string;
  readonly attempt: number;
  readonly outcome: (typeof outcomes)[number];
  readonly reason?: string | undefined;
}
