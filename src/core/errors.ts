/** All failures of a command. Their exit codes are defined in one place, cli/errors/exit-codes.ts. */
export type ErrorCode =
  | 'usage' // an unknown option, or a value that is missing or malformed
  | 'not-found' // no such task
  | 'conflict' // a lost lease, another completion, the same id with other content
  | 'cancelled' // the task was cancelled
  | 'failed' // the task failed
  | 'expired' // the task's TTL ended before a worker started it
  | 'timeout' // the wait ended before the task did
  | 'empty' // nothing to claim, nothing in the inbox
  | 'no-workspace'
  | 'invalid-name' // a role, id or artifact name with characters that are not allowed
  | 'unreadable-file'
  | 'too-large' // an envelope or a text over its limit
  | 'bad-batch'
  | 'missing-artifacts' // promised artifacts that a completion lacks
  | 'drift' // evidence that is missing or is not what was recorded
  | 'secret' // text that looks like a credential
  | 'unsupported-store' // a network file system
  | 'newer-schema'
  | 'corrupt'
  | 'busy' // the lock of the store was not available in time
  | 'unreachable' // the broker does not answer, or went away
  | 'outcome-unknown' // a change was sent to the broker, and its outcome is unknown
  | 'denied' // the broker refused the login or the operation
  | 'topology' // a queue is missing on the broker or has other settings
  | 'storage' // the disk is full, read-only or failing
  | 'not-finished' // `result` was called for a task that has no result yet
  | 'unhealthy'; // doctor found a problem that it did not repair

/** A refusal as data: what went wrong in one line, and what to do about it. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** The only error that agentq throws on purpose. Any other error that reaches the command is a bug. */
export class AgentqError extends Error implements Refusal {
  override readonly name = 'AgentqError';
  readonly code: ErrorCode;
  readonly hint?: string;

  /** @param cause the system error behind it; the worker uses it to classify the error */
  constructor(code: ErrorCode, message: string, hint?: string, cause?: Error) {
    super(message, cause && { cause });
    this.code = code;
    if (hint !== undefined) this.hint = hint;
  }

  static of(refusal: Refusal): AgentqError {
    return new AgentqError(refusal.code, refusal.message, refusal.hint);
  }
}

/** The error of a change that may still take effect. Files that the change needs must not be removed. */
export class MayTakeEffect extends AgentqError {}

/** Whether the queue cannot be reached at present. The last change that was sent to it may have taken effect. */
export function isAway(error: unknown): boolean {
  return error instanceof AgentqError && (error.code === 'unreachable' || error.code === 'outcome-unknown');
}

/** Whether the cause is the broker and not the request: it is unreachable, refuses, or lacks a queue. */
export function isBrokers(error: unknown): boolean {
  return isAway(error) || (error instanceof AgentqError && (error.code === 'denied' || error.code === 'topology'));
}
