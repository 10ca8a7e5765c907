import { AgentqError, type ErrorCode } from '../../core/errors.ts';
import { machineErrors } from '../../core/machine-errors.ts';
import type { Ground } from './ground.ts';

/** The cause of a failure of an attempt, which determines its outcome. */
export type Blame =
  /** Caused by the task or its child: the attempt has failed, and it counts. */
  | { readonly on: 'attempt'; readonly reason: string; readonly retry: boolean }
  /**
   * Would affect every other attempt too: the task returns to the queue, no attempt is counted, and the worker ends.
   */
  | { readonly on: 'machine'; readonly error: Error };

/**
 * The classification of an AgentqError. `cause`: the system error behind it decides. `final`: another attempt would
 * fail in the same way.
 */
const blamed: Readonly<Record<ErrorCode, 'attempt' | 'final' | 'machine' | 'cause'>> = {
  usage: 'attempt',
  'not-found': 'attempt',
  conflict: 'attempt',
  cancelled: 'attempt',
  failed: 'attempt',
  expired: 'attempt',
  timeout: 'attempt',
  empty: 'attempt',
  'no-workspace': 'machine',
  'invalid-name': 'attempt',
  'unreadable-file': 'cause',
  'too-large': 'attempt',
  'bad-batch': 'attempt',
  'missing-artifacts': 'attempt',
  drift: 'final',
  secret: 'attempt',
  'unsupported-store': 'machine',
  'newer-schema': 'machine',
  corrupt: 'machine',
  busy: 'machine',
  unreachable: 'machine',
  denied: 'machine',
  topology: 'machine',
  'outcome-unknown': 'machine',
  storage: 'cause',
  'not-finished': 'attempt',
  unhealthy: 'machine',
};

/**
 * The only place that classifies errors of an attempt, both raw file system errors and AgentqErrors. If the workspace
 * or the store itself is not usable, the cause is the machine, for every error. A bug in agentq counts against the
 * attempt, because otherwise it would end the worker after each restart.
 */
export async function blame(error: unknown, ground: Ground): Promise<Blame> {
  const broken = await ground.fault();
  if (broken) return { on: 'machine', error: broken };
  const { message } = error as Error;
  const on = error instanceof AgentqError ? blamed[error.code] : 'cause';
  if (on === 'machine' || (on === 'cause' && isMachines(error)))
    return { on: 'machine', error: worded(error as Error) };
  return { on: 'attempt', reason: message, retry: on !== 'final' };
}

/** Converts a system error into an AgentqError; other errors stay unchanged. */
export function worded<E extends Error>(error: E): E | AgentqError {
  if (error instanceof AgentqError || !isSystems(error)) return error;
  return new AgentqError('storage', error.message, 'check the disk and the limits of this machine', error);
}

function isMachines(error: unknown): boolean {
  const system = error instanceof AgentqError ? error.cause : error;
  // Storage errors without a file system error: the database, the outbox.
  if (!isSystems(system)) return error instanceof AgentqError && error.code === 'storage';
  return machineErrors.has(system.code!);
}

function isSystems(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number';
}
