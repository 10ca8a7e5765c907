import { AgentqError } from '../../core/errors.ts';
import { type LocalSource, sourceError } from '../../files/source-file.ts';

/**
 * The error of a failed write into the store or the staging folder, in one line.
 * @param source of the write, if it has one
 * @returns AgentqError `unreadable-file` if the source is the cause, `storage` for other system errors; any other error
 *   unchanged
 */
export function storeError(error: unknown, source: LocalSource = { bytes: new Uint8Array() }): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof AgentqError) return error;
  const hint = 'check the store: is its disk full, read-only or not writable for this user?';
  return (
    sourceError(error, source) ??
    (code === undefined ? error : new AgentqError('storage', message, hint, error as Error))
  );
}

/** Runs a write. @throws the error that `storeError` describes */
export function writing<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw storeError(error);
  }
}
