import type * as z from 'zod/mini';
import { AgentqError } from './errors.ts';

/**
 * What a failed check says first, as the error of whoever wrote the input.
 * @param name how the writer calls the field
 * @param whole how the writer calls the input, where it is one value
 */
export function inputError(
  error: z.core.$ZodError,
  name: (path: readonly PropertyKey[]) => string,
  whole?: string,
): AgentqError {
  const { path, message } = error.issues[0]!;
  const code = message.startsWith('is not a valid ') ? 'invalid-name' : 'usage';
  const field = path.length > 0 ? `${name(path)} ` : whole === undefined ? '' : `${whole} `;
  return new AgentqError(code, `${field}${message.replace(/^Invalid input.*/, 'is not what it should be')}`);
}
