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
export interface Outcome {
  readonly outcome: (typeof outcomes)[number];
  readonly reason?: string | undefined;
}

/** The outcome of one attempt of one task. */
export interface AttemptReport extends Outcome {
  readonly id: string;
  readonly attempt: number;
}
