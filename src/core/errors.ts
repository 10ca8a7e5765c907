/**
 * Every way in which a command can end badly. The exit code of each is mapped in one place, cli/exit-codes.ts.
 */
export type ErrorCode =
  | 'usage' // an unknown option, or a value that is missing or malformed
  | 'not-found' // no such task
  | 'conflict' // a lost lease, another completion, the same id with other content
  | 'cancelled' // the task was cancelled
  | 'failed' // the task failed
  | 'expired' // the task's TTL passed before anybody started it
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
  | 'busy' // the store's lock could not be had in time
  | 'unreachable' // the broker does not answer, or went away
  | 'outcome-unknown' // the broker was told of a change and did not say what became of it
  | 'denied' // the broker does not let us in, or does not let us do it
  | 'topology' // the broker has no queue for it, or another than ours
  | 'storage' // the disk is full, read-only or failing
  | 'not-finished' // a result was asked of a task that has none yet
  | 'unhealthy'; // doctor found what it did not repair

/** A refusal as data: what went wrong in one line, and what to do about it. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** The one error that agentq throws on purpose. Anything else that escapes is a bug. */
export class AgentqError extends Error implements Refusal {
  override readonly name = 'AgentqError';
  readonly code: ErrorCode;
  readonly hint?: string;

  /** @param cause the error of the system behind it, for what asks whose fault it is */
  constructor(code: ErrorCode, message: string, hint?: string, cause?: Error) {
    super(message, cause && { cause });
    this.code = code;
    if (hint !== undefined) this.hint = hint;
  }

  static of(refusal: Refusal): AgentqError {
    return new AgentqError(refusal.code, refusal.message, refusal.hint);
  }
}

/** Something went wrong with a change that may take effect all the same: nothing that it needs may be taken back. */
export class MayTakeEffect extends AgentqError {}

/** Whether the queue can't be asked just now, whatever is asked; what it was told last may have happened. */
export function isAway(error: unknown): boolean {
  return error instanceof AgentqError && (error.code === 'unreachable' || error.code === 'outcome-unknown');
}

/** Whether the broker is at fault, and not what it was told: it is away, or refuses, or lacks something. */
export function isBrokers(error: unknown): boolean {
  return isAway(error) || (error instanceof AgentqError && (error.code === 'denied' || error.code === 'topology'));
}
