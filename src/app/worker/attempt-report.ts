/** The reason for stopping a child before it ends by itself. */
export type StopReason = 'cancelled' | 'lease-lost' | 'timeout' | 'handed-back' | 'worker-fault';

/** The possible outcomes of an attempt. `kept`: it has ended during an outage; its outcome is in the outbox. */
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

/** The outcome of an attempt. */
export interface AttemptReport {
  readonly id: string;
  readonly attempt: number;
  readonly outcome: (typeof outcomes)[number];
  readonly reason?: string | undefined;
}
