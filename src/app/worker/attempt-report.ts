/** Why a child is stopped before it ends by itself. */
export type StopReason = 'cancelled' | 'lease-lost' | 'timeout' | 'handed-back' | 'worker-fault';

/** What became of an attempt. */
export interface AttemptReport {
  readonly id: string;
  readonly attempt: number;
  /** `kept`: it has ended, but the queue can't be told yet; the outbox holds what it will be told. */
  readonly outcome:
    'kept' | 'completed' | 'failed' | 'retrying' | 'deferred' | 'cancelled' | 'lease-lost' | 'handed-back';
  readonly reason?: string | undefined;
}
