import { AgentqError, type ErrorCode } from '../../core/errors.ts';
import { machineErrors } from '../../core/machine-errors.ts';
import type { Ground } from './ground.ts';

/** Whose fault it is that an attempt can't go on, and so what becomes of it. */
export type Blame =
  /** What the task or its child can cause: the attempt has failed, and that counts. */
  | { readonly on: 'attempt'; readonly reason: string; readonly retry: boolean }
  /** What every other attempt would meet as well: the task goes back unharmed, and the worker ends. */
  | { readonly on: 'machine'; readonly error: Error };

/** Of an error of agentq. `cause`: the error of the system behind it tells. `final`: another attempt would meet the same. */
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
 * The one place that says whose fault an error around an attempt is: of a raw error of the file system as of one that
 * agentq has put into words. Where the workspace or the store itself can't be used, it is the machine's, whatever the
 * error. A mistake in the program is the attempt's: it must not end the worker once for every restart.
 */
export function blame(error: unknown, ground: Ground): Blame {
  const broken = ground.fault();
  if (broken) return { on: 'machine', error: broken };
  const { message } = error as Error;
  const on = error instanceof AgentqError ? blamed[error.code] : 'cause';
  if (on === 'machine' || (on === 'cause' && isMachines(error)))
    return { on: 'machine', error: worded(error as Error) };
  return { on: 'attempt', reason: message, retry: on !== 'final' };
}

/** An error of the system as one of agentq; any other stays what it is. */
export function worded<E extends Error>(error: E): E | AgentqError {
  if (error instanceof AgentqError || !isSystems(error)) return error;
  return new AgentqError('storage', error.message, 'look at the disk and at the limits of this machine', error);
}

function isMachines(error: unknown): boolean {
  const system = error instanceof AgentqError ? error.cause : error;
  // Storage trouble that no error of the file system stands behind: the database, the outbox.
  if (!isSystems(system)) return error instanceof AgentqError && error.code === 'storage';
  return machineErrors.has(system.code!);
}

function isSystems(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number';
}
